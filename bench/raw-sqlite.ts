import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { temporaryFolder } from "./target.ts";

/** As much as a change of state writes: the agent, and the entry. */
const BYTES = 900;

/** One table in a thread of its own, every transaction on disk when it answers: what the machine can do. */
export interface RawSqlite extends AsyncDisposable {
  /** Replaces rows in one transaction. */
  commit(rows: number): Promise<void>;
}

export function openRawSqlite(): RawSqlite {
  const folder = temporaryFolder();
  const worker = new Worker(new URL(import.meta.url), { workerData: join(folder, "raw.db") });
  return {
    async commit(rows) {
      worker.postMessage(Array.from({ length: rows }, (_, i) => [`agent-${i}`, "x".repeat(BYTES)]));
      await once(worker, "message");
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

if (!isMainThread) serve(workerData);

function serve(path: string): void {
  const db = new DatabaseSync(path);
  db.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 32768",
  );
  db.exec("CREATE TABLE raw (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT");
  const put = db.prepare("INSERT OR REPLACE INTO raw VALUES (?, ?)");
  parentPort?.on("message", (rows: readonly (readonly [string, string])[]) => {
    db.exec("BEGIN IMMEDIATE");
    for (const row of rows) put.run(...row);
    db.exec("COMMIT");
    parentPort?.postMessage({});
  });
}
