import { lookup } from "../lookup.ts";

/**
 * A way from a step back to itself, for example `["a", "b", "a"]`: the first
 * one met from the first step on. Undefined: there is none.
 */
export function findCycle(
  after: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] | undefined {
  const done = new Set<string>();
  for (const id of after.keys()) {
    const cycle = walk(id, [], done, after);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function walk(
  id: string,
  path: readonly string[],
  done: Set<string>,
  after: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] | undefined {
  if (done.has(id)) return undefined;
  const start = path.indexOf(id);
  if (start >= 0) return [...path.slice(start), id];
  for (const next of lookup(after, id)) {
    const cycle = walk(next, [...path, id], done, after);
    if (cycle !== undefined) return cycle;
  }
  done.add(id);
  return undefined;
}
