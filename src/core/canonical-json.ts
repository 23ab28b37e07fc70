import type { Json } from "./json.ts";

/** JSON text that is equal for equal values: keys sorted, nothing else changed. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(value, (_, item: unknown) => (isObject(item) ? sorted(item) : item));
}

function isObject(item: unknown): item is Readonly<Record<string, unknown>> {
  return typeof item === "object" && item !== null && !Array.isArray(item);
}

/** A null prototype, so that a key called `__proto__` stays a key. */
function sorted(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const copy: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(object).sort()) copy[key] = object[key];
  return copy;
}
