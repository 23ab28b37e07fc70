import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { StoreUnusable } from "../unusable.ts";

/** Makes a folder if there is none, in a way that a power cut does not undo. @throws {StoreUnusable} */
export function makeFolder(folder: string): void {
  try {
    const path = resolve(folder);
    const first = mkdirSync(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) {
      syncFolder(dirname(made));
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreUnusable(`the folder ${folder} cannot be made (${reason})`, { cause: error });
  }
}

/** The names in a folder are on disk only then. SQLite sees to its own files. */
function syncFolder(folder: string): void {
  // Windows has no such thing.
  if (process.platform === "win32") return;
  const opened = openSync(folder, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
