import { hash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import { chainHash, stateHash } from "../../src/store/chain.ts";
import type { Store } from "../../src/store/store.ts";

const MIGRATIONS = "src/store/sqlite/migrations";
const CREATE = `
  CREATE TABLE migration (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
  ) STRICT`;
const AGENT = { ns: "n", kind: "agent", id: "a" } as const;

/** A database as the first version made it. */
function makeFirst(path: string, schema: string, fill: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(path);
  const [file] = [`0001_${schema.replace("-", "_")}`];
  const sql = readFileSync(join(MIGRATIONS, schema, `${file}.sql`), "utf8");
  db.exec(CREATE);
  db.exec(sql);
  db.prepare("INSERT INTO migration VALUES (1, ?, ?)").run(file, hash("sha256", sql, "hex"));
  fill(db);
  db.close();
}

/** Three entries of a run, of which retention deleted the first; an agent; a day of logs that is over. */
export function makeFirstStore(folder: string): void {
  makeFirst(join(folder, "ops.db"), "control", (db) => {
    const entity = db.prepare("INSERT INTO entity VALUES (?, ?, ?, 1, 'x', NULL, '{}', ?, 5, 5)");
    const entry = db.prepare(
      "INSERT INTO entry VALUES ('runs', ?, 'n', 'run', 'r', ?, 5, ?, ?, 1)",
    );
    entity.run("n", "run", "r", stateHash("{}"));
    entity.run("n", "agent", "a", stateHash("{}"));
    let last: Uint8Array | undefined;
    for (const sequence of [1, 2, 3]) {
      const body = String(sequence);
      last = chainHash(last, { ns: "n", kind: "run", id: "r", sequence, atMs: 5, body });
      if (sequence > 1) entry.run(sequence, sequence, body, last);
    }
    db.prepare("INSERT INTO chain VALUES ('n', 'run', 'r', 3, ?)").run(last ?? null);
    db.exec("UPDATE head SET position = 3, at_ms = 5, floor = 1 WHERE journal = 'runs'");
    db.exec(
      "INSERT INTO due VALUES ('q', 'k', 1, 0, 0, NULL, 7, NULL, NULL); UPDATE token SET last = 7",
    );
    db.exec("INSERT INTO reply VALUES ('n', 'k', x'01', '{}', 9999999999999)");
    db.exec("INSERT INTO session_lease VALUES ('n', 'a', 1, 10, 10, NULL)");
  });
  mkdirSync(join(folder, "logs"));
  const days = ["1970-01-01", "1970-01-02"];
  for (const [i, day] of days.entries()) {
    makeFirst(join(folder, "logs", `${day}.db`), "log-day", (db) => {
      const sql = "INSERT INTO log VALUES (?, ?, 'n', '{}', NULL, NULL, NULL, NULL, 'p', 'i', ?)";
      db.prepare(sql).run(i + 1, i * 86_400_000, i + 1);
    });
  }
  makeFirst(join(folder, "logs", "head.db"), "log-head", (db) => {
    db.exec("UPDATE head SET position = 2, at_ms = 86400000");
    db.exec("INSERT INTO day VALUES ('1970-01-01', 1), ('1970-01-02', 2)");
    db.exec("INSERT INTO producer VALUES ('n', 'p', 'i', 2, 2)");
  });
}

/** Everything of it is there, and in use. */
export async function expectFirstStore(store: Store): Promise<void> {
  expect(await store.load([AGENT])).toMatchObject([{ version: 1, state: "{}" }]);
  const { entries } = await store.read("runs", 1n, 10);
  expect(entries.map(({ sequence, body }) => [sequence, body])).toEqual([
    [2, "2"],
    [3, "3"],
  ]);
  expect((await store.read("logs", 0n, 10)).entries).toHaveLength(2);
  expect(await store.claim([{ queue: "q", limit: 1 }], "me", 10)).toMatchObject([{ token: 8 }]);
  expect((await store.reply("n", "k"))?.body).toBe("{}");
}
