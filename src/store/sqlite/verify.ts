import { existsSync } from "node:fs";
import { join } from "node:path";
import { StoreUnusable } from "../unusable.ts";
import type { Finding } from "./finding.ts";
import { lockFolder } from "./lock.ts";
import { verifyFile } from "./verify-file.ts";
import { verifyJournals } from "./verify-journals.ts";
import { verifyLogs } from "./verify-logs.ts";

/**
 * Looks at everything a store holds that no server has open: the structure of every file, every row,
 * every chain of entries from the first one kept to its head, and the positions of the journals. It
 * changes nothing, and goes on after a problem: of a chain it names the first broken link.
 *
 * @throws {StoreUnusable} if there is no store, or not one of this version, or it is in use.
 */
export function* verifyFolder(folder: string): Generator<Finding, void, undefined> {
  if (!existsSync(join(folder, "ops.db"))) {
    throw new StoreUnusable(`there is no store in ${folder}`);
  }
  // Who has never been locked has never been served.
  const unlock = existsSync(join(folder, "lock.db")) ? lockFolder(folder) : undefined;
  try {
    yield* verifyFile({ folder, file: "ops.db", schema: "control" }, verifyJournals);
    yield* verifyLogs(folder);
  } finally {
    unlock?.();
  }
}
