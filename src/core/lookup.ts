/** The value of a key that must be there. */
export function lookup<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`nothing is kept for ${String(key)}`);
  return value;
}
