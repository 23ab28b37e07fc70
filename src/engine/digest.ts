import { createHash, timingSafeEqual } from "node:crypto";

/** SHA-256, for whatever has to be recognised again: requests, cursors, contents. */
export function sha256(data: string | Uint8Array): Uint8Array {
  return createHash("sha256").update(data).digest();
}

/** Whether two digests are equal, in a time that says nothing about where they differ. */
export function sameDigest(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
