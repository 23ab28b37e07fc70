import { hash } from "node:crypto";
import type { EntityKey } from "./store.ts";

/** What an entry adds to the chain of its entity. */
export interface Link extends EntityKey {
  readonly sequence: number;
  readonly atMs: number;
  readonly body: string;
}

/** The hash of an entity's entry: covers the one before it, so no entry can change or go unnoticed. */
export function chainHash(
  previous: Uint8Array | undefined,
  { ns, kind, id, sequence, atMs, body }: Link,
): Uint8Array {
  const before = previous === undefined ? "" : Buffer.from(previous).toString("hex");
  const covered = [before, ns, kind, id, sequence, atMs, hash("sha256", body, "hex")];
  return hash("sha256", JSON.stringify(covered), "buffer");
}

/** The hash kept beside an entity's state. */
export function stateHash(state: string): Uint8Array {
  return hash("sha256", state, "buffer");
}
