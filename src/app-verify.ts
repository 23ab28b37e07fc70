import type { StoreLocation } from "./config-values.ts";
import type { Finding } from "./store/sqlite/finding.ts";
import { verifyFolder } from "./store/sqlite/verify.ts";
import { StoreUnusable } from "./store/unusable.ts";

/**
 * Checks a store that no server has open, for `opscore db verify`. Yields what is wrong and how far
 * it came; a store without a problem yields progress only.
 *
 * @throws {StoreUnusable} in one line, if there is nothing that can be verified.
 */
export function verifyStore(store: StoreLocation): Generator<Finding, void, undefined> {
  if (store.type === "memory") throw new StoreUnusable("a store in memory has nothing to verify");
  return verifyFolder(store.folder);
}
