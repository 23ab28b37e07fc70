import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreUnusable } from "../unusable.ts";
import { usable } from "./database.ts";
import { makeFolder } from "./folder.ts";

/**
 * Takes a folder for this process. The system frees it when the process ends, however it ends.
 *
 * @returns what gives it back.
 * @throws {StoreUnusable} while another process has it.
 */
export function lockFolder(folder: string): () => void {
  makeFolder(folder);
  const path = join(folder, "lock.db");
  return usable(path, () => {
    const db = new DatabaseSync(path, { timeout: 0 });
    try {
      db.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      db.close();
      if (!isBusy(error)) throw error;
      throw new StoreUnusable(`the store in ${folder} is in use by another process`);
    }
    return () => db.close();
  });
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === 5;
}
