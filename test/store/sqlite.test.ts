import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { chainHash } from "../../src/store/chain.ts";
import { defineChecksum } from "../../src/store/sqlite/checksum.ts";
import { requireSqlite } from "../../src/store/sqlite/database.ts";
import { openSqliteStore, type SqliteOptions } from "../../src/store/sqlite/open.ts";
import type { Store } from "../../src/store/store.ts";
import { StoreUnusable } from "../../src/store/unusable.ts";
import { bodies, logRow, makeFolder, put, refusal, run, soon, type TestFolder } from "./given.ts";
import { startChild } from "./spawn.ts";

const DAY_MS = 86_400_000;

let folder: TestFolder;
let store: Store | undefined;
let nowMs: number;

beforeEach(() => {
  folder = makeFolder();
  nowMs = 10 * DAY_MS;
});

afterEach(async () => {
  await store?.close();
  store = undefined;
  folder[Symbol.dispose]();
});

/** Opens the store of the test, after closing it. */
async function reopen(options: Partial<SqliteOptions> = {}): Promise<Store> {
  await store?.close();
  store = undefined;
  store = await openSqliteStore({ path: folder.path, now: () => nowMs, ...options });
  return store;
}

/** Changes a file behind the store's back. */
function change(file: string, sql: string): void {
  const db = new DatabaseSync(join(folder.path, file));
  defineChecksum(db);
  db.exec(sql);
  db.close();
}

const days = () => readdirSync(join(folder.path, "logs")).filter((f) => /^\d.*db$/.test(f));

async function append(to: Store, ...texts: readonly string[]): Promise<void> {
  await to.appendLogs({ ns: "default", rows: texts.map((text) => logRow(text)) }, "committed");
}

describe("opening", () => {
  test("everything is there again", async () => {
    const first = await reopen();
    await first.commit(put(run("a"), { state: 1, says: ["one"] }));
    await first.commit({
      due: [{ queue: "q", key: "k", dueAtMs: 0 }],
      sessions: [{ ns: "default", agentId: "x", sessionEpoch: 1, leaseMs: 100 }],
      reply: { ns: "default", key: "r", requestHash: Uint8Array.of(1), body: "{}", ttlMs: 1_000 },
    });
    const [item] = await first.claim([{ queue: "q", limit: 1 }], "me", 10);
    const producer = { principal: "p", id: "i", firstSeq: 1 };
    await first.appendLogs({ ns: "default", producer, rows: [logRow("a"), logRow("b")] }, "queued");
    const { storeId } = first;

    const again = await reopen();
    expect(again.storeId).toBe(storeId);
    expect(await again.load([run("a")])).toMatchObject([{ version: 1, revision: 1, state: "1" }]);
    await again.commit(put(run("a"), { version: 1, says: ["two"] }));
    const { entries } = await again.read("runs", 0n, 10);
    expect(entries.map((e) => [e.position, e.sequence, e.body])).toEqual([
      [1n, 1, "one"],
      [2n, 2, "two"],
    ]);
    await again.commit({ due: [{ queue: "q", key: "k", dueAtMs: 0 }] });
    const [next] = await again.claim([{ queue: "q", limit: 1 }], "me", 10);
    expect(next?.token).toBeGreaterThan(item?.token ?? Number.NaN);
    expect(await again.leases([{ ns: "default", agentId: "x" }])).toMatchObject([{ leaseMs: 100 }]);
    expect((await again.reply("default", "r"))?.body).toBe("{}");
    const sent = await again.appendLogs(
      { ns: "default", producer: { ...producer, firstSeq: 2 }, rows: [logRow("b"), logRow("c")] },
      "committed",
    );
    expect(sent).toEqual({ lastSeq: 3, accepted: 1, duplicates: 1 });
    expect((await again.read("logs", 0n, 10)).entries.map((e) => e.position)).toEqual([1n, 2n, 3n]);
  });

  test("the clock goes on from the last known time", async () => {
    const first = await reopen();
    await first.commit(put(run("a"), { says: ["1"] }));
    nowMs -= DAY_MS;
    expect((await reopen()).nowMs()).toBe(10 * DAY_MS);
  });

  test("by itself the clock is the machine's", async () => {
    const memory = await openSqliteStore({ path: ":memory:" });
    expect(Math.abs(memory.nowMs() - Date.now())).toBeLessThan(60_000);
    expect(Number.isInteger(memory.nowMs())).toBe(true);
    await memory.close();
  });

  test("closing leaves no write-ahead log behind", async () => {
    const opened = await reopen();
    await opened.commit(put(run("a")));
    await opened.list({ kind: "run", order: "id", limit: 1 });
    await append(opened, "a");
    await opened.close();
    const files = readdirSync(folder.path, { recursive: true }).map(String);
    expect(files.filter((file) => file.endsWith("-wal"))).toEqual([]);
  });

  test("a second process is refused in one line that names the folder", async () => {
    await reopen();
    const child = startChild("open", folder.path);
    expect(await child.ended).toBe(1);
    const line = `unusable the store in ${folder.path} is in use by another process`;
    expect(child.lines()).toEqual([line]);
    const second = openSqliteStore({ path: folder.path });
    await expect(second).rejects.toThrow("in use by another process");
  });

  async function refused(): Promise<string> {
    try {
      await reopen();
    } catch (error) {
      expect(error).toBeInstanceOf(StoreUnusable);
      return (error as Error).message;
    }
    throw new Error("it opened");
  }

  test("an SQLite that can lose data is refused", () => {
    expect(() => requireSqlite("3.51.2")).toThrow(StoreUnusable);
    expect(() => requireSqlite("3.9.9")).toThrow("3.51.3 or later");
    for (const version of ["3.51.3", "3.52.0", "4.0.0"]) requireSqlite(version);
  });

  test("a newer schema is refused", async () => {
    await (await reopen()).close();
    change("ops.db", "INSERT INTO migration VALUES (9999, '9999_later', 'x')");
    expect(await refused()).toMatch(
      /ops\.db was written by a newer version \(it has 9999_later\)$/,
    );
    change("ops.db", "DELETE FROM migration WHERE number = 9999");
    change("ops.db", "UPDATE meta SET value = '2' WHERE key = 'min_app'");
    expect(await refused()).toMatch(/ops\.db was written by a newer version$/);
  });

  test("a migration that is not the one applied is refused", async () => {
    await (await reopen()).close();
    change("ops.db", "UPDATE migration SET checksum = 'other'");
    expect(await refused()).toMatch(/ops\.db was made by another 0001_control than this version/);
  });

  test.each(["ops.db", "logs/head.db"])("a damaged %s is refused", async (file) => {
    await (await reopen()).close();
    const path = join(folder.path, file);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xaa, 0, 100));
    expect(await refused()).toContain(`${path} is damaged, or is no database`);
    writeFileSync(path, "this is a text, and long enough to be no empty database\n".repeat(20));
    expect(await refused()).toContain(`${path} is damaged, or is no database`);
  });

  test("a database of something else is refused, and left alone", async () => {
    change("ops.db", "CREATE TABLE song (name TEXT)");
    expect(await refused()).toMatch(/ops\.db is a database of something else$/);
    const db = new DatabaseSync(join(folder.path, "ops.db"));
    expect(db.prepare("SELECT name FROM sqlite_schema").all()).toEqual([{ name: "song" }]);
    db.close();
  });

  test("a folder that cannot be made is refused", async () => {
    writeFileSync(join(folder.path, "file"), "");
    const path = join(folder.path, "file", "store");
    await expect(openSqliteStore({ path })).rejects.toThrow(`the folder ${path} cannot be made`);
  });

  test("a store whose logs were damaged while it was open refuses them, and closes", async () => {
    const opened = await reopen();
    const path = join(folder.path, "logs", "head.db");
    writeFileSync(path, readFileSync(path).fill(0xaa, 0, 100));
    await expect(append(opened, "a")).rejects.toEqual(refusal("data_corrupt"));
    await opened.close();
  });

  test("an unusable store keeps neither lock nor thread", async () => {
    await (await reopen()).close();
    change("ops.db", "INSERT INTO migration VALUES (9999, '9999_later', 'x')");
    await refused();
    change("ops.db", "DELETE FROM migration WHERE number = 9999");
    await reopen();
  });
});

describe("integrity", () => {
  test("the entries of an entity are a chain of hashes", async () => {
    const opened = await reopen();
    await opened.commit(put(run("a"), { says: ["1", "2"] }));
    nowMs += 7;
    await Promise.all([
      opened.commit(put(run("b"), { says: ["x"] })),
      opened.commit(put(run("a"), { version: 1, says: ["3"] })),
    ]);
    const again = await reopen();
    await again.commit(put(run("a"), { version: 2, says: ["4"] }));
    const { entries } = await again.read("runs", 0n, 10, { ns: "default", kind: "run", id: "a" });
    expect(bodies(entries)).toEqual(["1", "2", "3", "4"]);
    await again.close();

    const db = new DatabaseSync(join(folder.path, "ops.db"));
    let hash: Uint8Array | undefined;
    for (const { ns, id, sequence, atMs, body, position } of entries) {
      hash = chainHash(hash, { ns, kind: "run", id, sequence, atMs, body });
      const sql = "SELECT hash FROM entry WHERE journal = 'runs' AND position = ?";
      const stored = db.prepare(sql).get(position)?.["hash"] as Uint8Array;
      expect(Buffer.from(stored).equals(hash)).toBe(true);
    }
    const end = db.prepare("SELECT sequence, hash FROM chain WHERE id = 'a'").get();
    expect(end).toEqual({ sequence: 4, hash: new Uint8Array(hash ?? []) });
    db.close();
  });

  test("an altered state is refused by name, and no other", async () => {
    const opened = await reopen();
    await opened.commit(put(run("a"), { state: { paid: 10 } }));
    await opened.commit(put(run("b")));
    await opened.close();
    change("ops.db", `UPDATE entity SET state = '{"paid":99}' WHERE id = 'a'`);
    const again = await reopen();
    await expect(again.load([run("a")])).rejects.toMatchObject({
      refusal: { code: "data_corrupt", key: "default/run/a" },
    });
    expect(await again.load([run("b")])).toMatchObject([{ version: 1 }]);
  });

  test("an entry or a log row that was altered is refused by its position, and no other", async () => {
    const opened = await reopen();
    await opened.commit(put(run("a"), { says: ["1"] }));
    await opened.commit(put(run("a"), { version: 1, says: ["2"] }));
    await append(opened, "one", "two");
    await opened.close();
    store = undefined;
    for (const [file, table] of [
      ["ops.db", "entry"],
      ["logs/1970-01-11.db", "log"],
    ] as const) {
      const db = new DatabaseSync(join(folder.path, file));
      db.function("row_checksum", { varargs: true, deterministic: true }, () => 0);
      db.exec(`UPDATE ${table} SET body = replace(body, 'x', 'y') WHERE position = 2`);
      db.close();
    }
    const again = await reopen();
    for (const journal of ["runs", "logs"] as const) {
      expect((await again.read(journal, 0n, 1)).entries).toHaveLength(1);
      await expect(again.read(journal, 0n, 2)).rejects.toMatchObject({
        refusal: { code: "data_corrupt", key: `${journal}/2` },
      });
    }
    const query = { ns: "default", order: "newest", scan: 10, limit: 10 } as const;
    await expect(again.searchLogs(query, soon())).rejects.toEqual(refusal("data_corrupt"));
  });

  test("a bell that got lost is rung by the poll", async () => {
    const opened = await reopen({ pollMs: 20 });
    const waits = [opened.changed("runs", 0n, soon()), opened.ready(["q"], soon())];
    change("ops.db", "UPDATE head SET position = 1 WHERE journal = 'runs'");
    change("ops.db", "INSERT INTO due VALUES ('q', 'k', 1, 0, 0, NULL, 1, NULL, NULL)");
    await Promise.all(waits);
  });
});

describe("logs by day", () => {
  test("each UTC day of arrival has its file, and reads go over them", async () => {
    const opened = await reopen();
    await append(opened, "a", "b");
    nowMs += DAY_MS - 1;
    await append(opened, "c");
    nowMs += 1;
    // Over midnight in one flush.
    const early = append(opened, "d");
    nowMs += DAY_MS;
    await Promise.all([early, append(opened, "e")]);
    expect(days()).toEqual(["1970-01-11.db", "1970-01-12.db", "1970-01-13.db"]);
    const { entries, through } = await opened.read("logs", 1n, 10);
    expect(entries.map(({ position }) => position)).toEqual([2n, 3n, 4n, 5n]);
    expect(through).toBe(5n);
  });

  test("more days than files kept open", async () => {
    const opened = await reopen();
    for (let day = 0; day < 8; day++) {
      await append(opened, String(day));
      nowMs += DAY_MS;
    }
    const query = { ns: "default", order: "newest", scan: 100, limit: 100 } as const;
    for (let again = 0; again < 2; again++) {
      expect((await opened.read("logs", 0n, 100)).entries).toHaveLength(8);
      const { rows } = await opened.searchLogs(query, soon());
      expect(rows.map(({ message }) => message).join("")).toBe("76543210");
    }
  });

  test("trimming removes whole days, and the last one too", async () => {
    const opened = await reopen();
    for (const text of ["a", "b", "c"]) {
      await append(opened, text, text);
      nowMs += DAY_MS / 2;
    }
    expect(days()).toHaveLength(2);
    await opened.trim("logs", 3n);
    expect(days()).toHaveLength(2);
    await opened.trim("logs", 4n);
    expect(days()).toEqual(["1970-01-12.db"]);
    await opened.trim("logs", 6n);
    expect(days()).toEqual([]);
    // The same day begins again, in another file.
    await append(opened, "d");
    nowMs -= DAY_MS / 2;
    const { entries } = await opened.read("logs", 6n, 10);
    expect(entries.map(({ position }) => position)).toEqual([7n]);
    await expect(opened.read("logs", 5n, 10)).rejects.toMatchObject({ refusal: { oldest: 6n } });
  });

  test("with every file of the logs gone, positions go on, and the gap shows", async () => {
    await append(await reopen(), "a", "b", "c");
    await store?.close();
    for (const file of days()) rmSync(join(folder.path, "logs", file));
    const again = await reopen();
    expect(await again.head("logs")).toBe(3n);
    await append(again, "d");
    await expect(again.read("logs", 0n, 10)).rejects.toMatchObject({ refusal: { oldest: 3n } });
    const { entries } = await again.read("logs", 3n, 10);
    expect(entries.map(({ position }) => position)).toEqual([4n]);
  });

  test("a day that is missing in between is a gap, not a hole", async () => {
    const opened = await reopen();
    for (const text of ["a", "b", "c"]) {
      await append(opened, text);
      nowMs += DAY_MS;
    }
    await opened.close();
    rmSync(join(folder.path, "logs", "1970-01-12.db"));
    const again = await reopen();
    await expect(again.read("logs", 0n, 10)).rejects.toMatchObject({ refusal: { oldest: 2n } });
    expect((await again.read("logs", 2n, 10)).entries).toHaveLength(1);
  });

  const numbered = (firstSeq: number, texts: readonly string[]) => ({
    ns: "default",
    producer: { principal: "p", id: "i", firstSeq },
    rows: texts.map((text) => logRow(text)),
  });

  test("rows that a crash kept from the head are found at the next start", async () => {
    const opened = await reopen();
    await opened.appendLogs(numbered(1, ["a", "b"]), "committed");
    await opened.close();
    change("logs/head.db", "UPDATE head SET position = 1; UPDATE producer SET last_seq = 1");
    const again = await reopen();
    expect(await again.head("logs")).toBe(2n);
    const sent = await again.appendLogs(numbered(2, ["b", "c"]), "committed");
    expect(sent).toEqual({ lastSeq: 3, accepted: 1, duplicates: 1 });
    expect((await again.read("logs", 0n, 10)).entries.map((e) => e.position)).toEqual([1n, 2n, 3n]);
  });

  test("a head that was removed is made again from the days", async () => {
    const opened = await reopen();
    await opened.appendLogs(numbered(1, ["a", "b"]), "committed");
    nowMs += DAY_MS;
    await opened.appendLogs(numbered(3, ["c"]), "committed");
    await opened.close();
    rmSync(join(folder.path, "logs", "head.db"));
    const again = await reopen();
    const sent = await again.appendLogs(numbered(3, ["c", "d"]), "committed");
    expect(sent).toEqual({ lastSeq: 4, accepted: 1, duplicates: 1 });
    expect((await again.read("logs", 0n, 10)).entries).toHaveLength(4);
  });

  test("a trim that a crash cut short is finished at the next start", async () => {
    const opened = await reopen();
    await append(opened, "a");
    nowMs += DAY_MS;
    await append(opened, "b");
    await opened.close();
    change("logs/head.db", "UPDATE head SET floor = 1; DELETE FROM day WHERE first_position = 1");
    await reopen();
    expect(days()).toEqual(["1970-01-12.db"]);
  });
});

test("trimmed entries are deleted", async () => {
  const opened = await reopen();
  const says = Array.from({ length: 2_500 }, (_, n) => String(n));
  await opened.commit(put(run("a"), { says }));
  await opened.trim("runs", 2_400n);
  await opened.close();
  const db = new DatabaseSync(join(folder.path, "ops.db"));
  expect(db.prepare("SELECT count(*) AS kept FROM entry").get()).toEqual({ kept: 100 });
  db.close();
});

describe("a disk that is full", () => {
  const PAGES = 150;
  const filler = "x".repeat(20_000);

  test("refuses writes, answers reads, and goes on when there is room", async () => {
    const opened = await reopen({ pagesMax: PAGES });
    const full = refusal("store_full");
    let written = 0;
    for (; ; written++) {
      const commit = opened.commit(put(run(`r${written}`), { state: filler, says: ["x"] }));
      const outcome = await commit.catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toEqual(full);
        break;
      }
    }
    expect(written).toBeGreaterThan(5);
    await expect(opened.commit(put(run("more"), { state: filler }))).rejects.toEqual(full);
    expect(await opened.load([run("r0"), run(`r${written}`)])).toMatchObject([
      { version: 1 },
      undefined,
    ]);
    expect(await opened.head("runs")).toBe(BigInt(written));
    // One that fits shares a batch with one that does not.
    const [small, large] = await Promise.allSettled([
      opened.commit({ due: [{ queue: "q", key: "k", dueAtMs: 0 }] }),
      opened.commit(put(run("more"), { state: filler.repeat(5) })),
    ]);
    expect([small.status, large.status]).toEqual(["fulfilled", "rejected"]);
    const remove = [run("r0"), run("r1"), run("r2")];
    await opened.commit({ expect: remove.map((key) => ({ ...key, version: 1 })), remove });
    await opened.commit(put(run("more"), { state: filler }));
  });

  test("refuses log rows, keeps their producer's numbers, and goes on when there is room", async () => {
    const opened = await reopen({ pagesMax: PAGES });
    const full = refusal("store_full");
    const send = (firstSeq: number) =>
      opened.appendLogs(
        { ns: "default", producer: { principal: "p", id: "i", firstSeq }, rows: [logRow(filler)] },
        "committed",
      );
    let sent = 0;
    let outcome: unknown;
    for (; !(outcome instanceof Error); sent++) {
      outcome = await send(sent + 1).catch((error: unknown) => error);
    }
    expect(outcome).toEqual(full);
    await expect(send(sent)).rejects.toEqual(full);
    expect(await opened.head("logs")).toBe(BigInt(sent - 1));
    // What was queued waits for room; another day is another file.
    const queued = opened.appendLogs({ ns: "default", rows: [logRow(filler)] }, "queued");
    await expect(queued).rejects.toEqual(full);
    nowMs += DAY_MS;
    expect(await send(sent)).toEqual({ lastSeq: sent, accepted: 1, duplicates: 0 });
    const { entries } = await opened.read("logs", 0n, 1_000);
    expect(entries.map((e) => e.position)).toEqual(entries.map((_, i) => BigInt(i + 1)));
    expect(entries).toHaveLength(sent);
  });
});

test("when the files fail, everybody is told, and the process can end", async () => {
  const child = startChild("fill", folder.path, { limit: 2_000 });
  expect(await child.ended).toBe(0);
  expect(child.lines()).toEqual(["open", "fatal", "refused true", "refused true"]);
  expect(existsSync(join(folder.path, "ops.db"))).toBe(true);
  const opened = await reopen();
  expect(await opened.load([{ ns: "n", kind: "run", id: "r" }])).toMatchObject([
    { status: "running" },
  ]);
});
