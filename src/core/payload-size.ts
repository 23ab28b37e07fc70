import type { Json } from "./json.ts";
import { LIMITS } from "./limits.ts";

/** A value that a run makes itself is larger than its limit. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
}

/** @throws {TooLarge} when the JSON of `value` is larger than a payload may be. */
export function refuseTooLarge<T extends Json>(value: T, what: string): T {
  const bytes = new TextEncoder().encode(JSON.stringify(value)).length;
  const { value: max } = LIMITS.payload_bytes;
  if (bytes > max) throw new TooLarge(`${what} has ${bytes} bytes; at most ${max} are allowed`);
  return value;
}
