import { closeSync, cpSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { verifyStore } from "../../src/app-verify.ts";
import { defineChecksum } from "../../src/store/sqlite/checksum.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { StoreUnusable } from "../../src/store/unusable.ts";
import { makeFolder, put, run, type TestFolder } from "../store/given.ts";
import { startChild } from "../store/spawn.ts";
import { databases } from "./contents.ts";
import { writeStore } from "./workload.ts";

const DAY_ONE = "logs/1970-01-01.db";
const DAY_TWO = "logs/1970-01-02.db";

let original: TestFolder;
let folder: string;

beforeAll(async () => {
  original = makeFolder();
  await writeStore(join(original.path, "written"));
});
afterAll(() => original[Symbol.dispose]());
beforeEach(() => {
  folder = join(original.path, "copy");
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(original.path, "written"), folder, { recursive: true });
});

/** Changes a file, and its checksums with it, as only somebody who means it would. */
function change(file: string, ...statements: readonly string[]): void {
  const db = new DatabaseSync(join(folder, file));
  defineChecksum(db);
  for (const sql of statements) db.exec(sql);
  db.close();
}

function problems(): readonly string[] {
  return [...verifyStore({ type: "folder", folder })].flatMap((finding) => {
    if (finding.type !== "problem") return [];
    const { file, table, key, message } = finding;
    return [[file, table, key, message].filter((part) => part !== undefined).join(" ")];
  });
}

function one(sql: string, file = "ops.db"): string {
  const db = new DatabaseSync(join(folder, file), { readOnly: true });
  const [value] = Object.values(db.prepare(sql).get() ?? {});
  db.close();
  return String(value);
}

const files = () => databases(folder).map((file) => readFileSync(join(folder, file)));

describe("a sound store", () => {
  test("has no problem, is counted, and is left as it was", () => {
    const before = files();
    const counted = [...verifyStore({ type: "folder", folder })].map((finding) =>
      finding.type === "progress" ? `${finding.file} ${finding.table}` : finding,
    );
    expect(counted).toEqual(
      expect.arrayContaining(["ops.db entity", "ops.db chain", `${DAY_ONE} log`, `${DAY_TWO} log`]),
    );
    expect(counted.every((finding) => typeof finding === "string")).toBe(true);
    expect(files()).toEqual(before);
  });

  test("has none either with its write-ahead log, as after a crash", async () => {
    const child = startChild("write", folder);
    await Promise.all([child.said("commit"), child.said("log")]);
    child.process.kill("SIGKILL");
    await child.ended;
    expect(statSync(join(folder, "ops.db-wal")).size).toBeGreaterThan(0);
    expect(problems()).toEqual([]);
  });

  test("of removed entities keeps their entries, also when their id is used again", async () => {
    const store = await openSqliteStore({ path: folder });
    for (let life = 0; life < 2; life++) {
      await store.commit(put(run("again"), { says: ["a", "b", "c"] }));
      expect(problems).toThrow("in use by another process");
      if (life === 0) {
        const expected = [{ ...run("again"), version: 1 }];
        await store.commit({ expect: expected, remove: [run("again")] });
      }
    }
    const { entries } = await store.read("runs", 5n, 1_000, {
      ns: "default",
      kind: "run",
      id: "again",
    });
    await store.trim("runs", entries[1]?.position ?? 0n);
    await store.close();
    expect(problems()).toEqual([]);
  });
});

describe("what cannot be verified says why", () => {
  test.each([
    ["there is no store in", () => rmSync(join(folder, "ops.db"))],
    [
      "was written by a newer version",
      () => change("ops.db", "INSERT INTO migration VALUES (9999, '9999_later', 'x')"),
    ],
    ["is of an older version", () => change(DAY_ONE, "DELETE FROM migration WHERE number = 2")],
  ])("%s", (message, damage) => {
    damage();
    expect(problems).toThrow(StoreUnusable);
    expect(problems).toThrow(message);
  });

  test("a store in memory", () => {
    expect(() => verifyStore({ type: "memory" })).toThrow("nothing to verify");
  });
});

describe("a problem names its place", () => {
  test("an entity whose state was altered", () => {
    change("ops.db", `UPDATE entity SET state = '{}' WHERE id = 'agent-1'`);
    expect(problems()).toEqual(["ops.db entity default/agent/agent-1 is not what was written"]);
  });

  test("the first altered entry of a chain, and it alone", () => {
    change("ops.db", `UPDATE entry SET body = '{}' WHERE id = 'agent-1'`);
    expect(problems()).toEqual([
      expect.stringMatching(
        /^ops\.db chain default\/agent\/agent-1 is broken: entry 1 has not the hash/,
      ),
    ]);
  });

  test("a chain whose end was cut off, and the hole that is left", () => {
    const last = one("SELECT max(position) FROM entry WHERE journal = 'agents'");
    const name = one(
      `SELECT ns || '/' || kind || '/' || id FROM entry WHERE journal = 'agents' AND position = ${last}`,
    );
    change("ops.db", `DELETE FROM entry WHERE journal = 'agents' AND position = ${last}`);
    expect(problems()).toEqual([
      `ops.db entry agents/${last} is missing: the head is at ${last}`,
      expect.stringContaining(`ops.db chain ${name} does not end at the last entry`),
    ]);
  });

  test("a first entry that does not go on from the floor", () => {
    const id = one("SELECT id FROM chain WHERE floor_sequence > 0 AND floor_sequence < sequence");
    change("ops.db", `UPDATE chain SET floor_hash = zeroblob(32) WHERE id = '${id}'`);
    expect(problems()).toEqual([expect.stringContaining(`/${id} is broken: entry`)]);
  });

  test("a missing row, a wrong one and a renamed file of the logs", () => {
    change(
      DAY_ONE,
      "DELETE FROM log WHERE position = 10",
      "UPDATE log SET at_ms = 0 WHERE position = 20",
    );
    expect(problems()).toEqual([
      `${DAY_ONE} log 10 is missing`,
      `${DAY_ONE} log 20 is older than the row before it, or than its day`,
    ]);
    rmSync(join(folder, DAY_ONE));
    expect(problems()).toEqual([`${DAY_ONE} is missing`]);
  });

  test("rows cut off the end of the logs", () => {
    change(DAY_TWO, "DELETE FROM log WHERE position > 50");
    expect(problems()).toEqual([`${DAY_TWO} log should have rows 31 to 60: it has 31 to 50`]);
  });

  test("an index that is gone, and a file that is no database", () => {
    change("ops.db", "DROP INDEX due_ready");
    writeSync(openSync(join(folder, DAY_ONE), "r+"), "x".repeat(100), 0);
    expect(problems()).toEqual([
      "ops.db sqlite_schema due_ready is not as it was made",
      `${DAY_ONE} cannot be read: file is not a database`,
    ]);
  });

  test("commits in a write-ahead log behind a broken one", async () => {
    const child = startChild("write", folder);
    await child.said("commit 3 5");
    child.process.kill("SIGKILL");
    await child.ended;
    const wal = join(folder, "ops.db-wal");
    const fd = openSync(wal, "r+");
    writeSync(fd, "x", 32 + 24 + 100);
    closeSync(fd);
    expect(problems()[0]).toMatch(
      /^ops\.db-wal its frame 1 is damaged: \d+ commits from there on are lost$/,
    );
    await expect(openSqliteStore({ path: folder })).rejects.toThrow(
      "ops.db-wal its frame 1 is damaged",
    );
  });
});
