import { createHash } from "node:crypto";

/** SHA-256, for whatever has to be recognised again: requests, cursors, contents. */
export function sha256(data: string | Uint8Array): Uint8Array {
  return createHash("sha256").update(data).digest();
}
