import { expect, test } from "vitest";
import type { LogRow } from "../../../src/core/log.ts";
import { type Given, logRow, soon } from "../given.ts";

export function describeLogs(given: Given): void {
  const append = (rows: readonly LogRow[], ns = "default") =>
    given.store.appendLogs({ ns, rows }, "committed");
  const numbered = (firstSeq: number, rows: readonly LogRow[], id = "p1") => ({
    ns: "default",
    producer: { principal: "agent:x", id, firstSeq },
    rows,
  });

  test("rows come back in order, as they were", async () => {
    const row: LogRow = { ...logRow("one"), attributes: { a: [1, null, { b: "\u{1f600}" }] } };
    expect(await append([row, logRow("two")])).toEqual({
      lastSeq: 0,
      accepted: 2,
      duplicates: 0,
    });
    given.nowMs += 5;
    await append([logRow("three")], "other");
    const entries = await given.readAll("logs");
    expect(entries.map((e) => [e.position, e.ns, e.kind, e.atMs])).toEqual([
      [1n, "default", "log", 1_000_000],
      [2n, "default", "log", 1_000_000],
      [3n, "other", "log", 1_000_005],
    ]);
    expect(JSON.parse(entries[0]?.body ?? "")).toEqual(row);
    const mine = await given.store.read("logs", 0n, 10, { ns: "default" });
    expect([mine.entries.length, mine.through]).toEqual([2, 3n]);
    const kinds = await given.store.read("logs", 0n, 10, { ns: "default", kind: "run" });
    expect(kinds).toEqual({ entries: [], through: 3n });
  });

  test("pages hold no more than the limit", async () => {
    await append([..."abcde"].map((text) => logRow(text)));
    const page = await given.store.read("logs", 1n, 2);
    expect([page.entries.map(({ position }) => position), page.through]).toEqual([[2n, 3n], 3n]);
  });

  test("what a producer sent before is left out", async () => {
    const first = await given.store.appendLogs(
      numbered(
        1,
        [..."abc"].map((text) => logRow(text)),
      ),
      "queued",
    );
    expect(first).toEqual({ lastSeq: 3, accepted: 3, duplicates: 0 });
    const again = await given.store.appendLogs(
      numbered(
        2,
        [..."bcd"].map((text) => logRow(text)),
      ),
      "committed",
    );
    expect(again).toEqual({ lastSeq: 4, accepted: 1, duplicates: 2 });
    const old = await given.store.appendLogs(numbered(1, [logRow("a")]), "committed");
    expect(old).toEqual({ lastSeq: 4, accepted: 0, duplicates: 1 });
    const other = await given.store.appendLogs(numbered(1, [logRow("a")], "p2"), "committed");
    expect(other).toEqual({ lastSeq: 1, accepted: 1, duplicates: 0 });
    const skipped = await given.store.appendLogs(numbered(10, [logRow("j")]), "committed");
    expect(skipped).toEqual({ lastSeq: 10, accepted: 1, duplicates: 0 });
    const messages = (await given.readAll("logs")).map(({ body }) => JSON.parse(body).message);
    expect(messages).toEqual(["a", "b", "c", "d", "a", "j"]);
  });

  test("queued rows are visible soon, committed ones at once", async () => {
    await given.store.appendLogs({ ns: "default", rows: [logRow("queued")] }, "queued");
    await append([logRow("committed")]);
    expect(await given.store.head("logs")).toBe(2n);
    await given.store.appendLogs({ ns: "default", rows: [logRow("queued")] }, "queued");
    await given.store.changed("logs", 2n, soon());
  });

  test("closing writes what was queued, and answers who waits", async () => {
    const first = given.store.appendLogs({ ns: "default", rows: [logRow("a")] }, "queued");
    await first;
    const last = given.store.appendLogs({ ns: "default", rows: [logRow("b")] }, "committed");
    await Promise.all([given.store.close(), expect(last).resolves.toMatchObject({ accepted: 1 })]);
  });

  test("a flood is refused, not kept in memory", async () => {
    const rows = Array.from({ length: 20_000 }, () => logRow("x"));
    const flood = [1, 2, 3].map(() => given.store.appendLogs({ ns: "default", rows }, "committed"));
    const results = await Promise.allSettled(flood);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(results[2]).toMatchObject({ reason: { refusal: { code: "overloaded" } } });
    expect(await given.store.head("logs")).toBe(40_000n);
  });

  test("a floor is a floor for reads and searches, and positions go on over it", async () => {
    await append([..."abc"].map((text) => logRow(text)));
    await given.store.trim("logs", 2n);
    const expired = { refusal: { code: "cursor_expired", oldest: 2n } };
    await expect(given.store.read("logs", 0n, 10)).rejects.toMatchObject(expired);
    const messages = async () => (await search({})).map(({ message }) => message);
    expect(await messages()).toEqual(["c"]);
    await given.store.trim("logs", 99n);
    expect(await messages()).toEqual([]);
    expect(await given.store.head("logs")).toBe(3n);
    await append([logRow("d")]);
    expect((await given.readAll("logs", 3n)).map(({ position }) => position)).toEqual([4n]);
    expect(await messages()).toEqual(["d"]);
  });

  test("a time is found as a position, over days", async () => {
    const dayMs = 86_400_000;
    given.nowMs = 10 * dayMs - 1;
    for (const text of ["a", "b", "c"]) {
      await append([logRow(text)]);
      given.nowMs += dayMs / 2;
    }
    expect(await given.store.positionBefore("logs", 10 * dayMs - 1)).toBe(0n);
    expect(await given.store.positionBefore("logs", 10 * dayMs)).toBe(1n);
    expect(await given.store.positionBefore("logs", 99 * dayMs)).toBe(3n);
    expect(
      (await search({ fromMs: 10 * dayMs, toMs: 11 * dayMs - 1 })).map((r) => r.message),
    ).toEqual(["b"]);
  });

  async function search(query: object) {
    const whole = { ns: "default", order: "newest", scan: 100_000, limit: 1_000 } as const;
    return (await given.store.searchLogs({ ...whole, ...query }, soon())).rows;
  }

  test.each([
    { order: "newest", bounds: { limit: 2, scan: 1_000 } },
    { order: "oldest", bounds: { limit: 2, scan: 1_000 } },
    { order: "newest", bounds: { limit: 1_000, scan: 3 } },
    { order: "oldest", bounds: { limit: 1_000, scan: 3 } },
  ] as const)(
    "a search goes on where its page ended: $order, $bounds",
    async ({ order, bounds }) => {
      await append([..."abcdefg"].map((text) => logRow(text)));
      await append([logRow("foreign")], "other");
      const found: string[] = [];
      let pages = 0;
      for (let after: bigint | undefined; pages === 0 || after !== undefined; pages++) {
        const query = { ns: "default", order, ...bounds, ...(after !== undefined && { after }) };
        const page = await given.store.searchLogs(query, soon());
        expect(page.at).toBe(8n);
        found.push(...page.rows.map(({ message }) => message));
        after = page.next;
      }
      expect(found.join("")).toBe(order === "oldest" ? "abcdefg" : "gfedcba");
      expect(pages).toBeGreaterThan(2);
    },
  );

  test("a search finds rows as they were written", async () => {
    await append([logRow("a"), logRow("b", { severity: 17, attributes: { n: 1 } })]);
    const filter = { type: "compare", field: { name: "severity" }, op: ">=", value: 17 };
    const row = logRow("b", { severity: 17, attributes: { n: 1 } });
    expect(await search({ filter })).toEqual([{ ...row, position: 2n, atMs: given.nowMs }]);
  });

  test("what has an index is looked for only among its own", async () => {
    const rows = Array.from({ length: 3_000 }, (_, n) =>
      logRow(String(n), { agentId: n % 1_000 === 7 ? "rare" : "chatty" }),
    );
    await append(rows);
    const filter = {
      type: "and",
      items: [{ type: "compare", field: { name: "agent_id" }, op: "==", value: "rare" }],
    } as const;
    const query = { ns: "default", order: "newest", filter, scan: 10, limit: 10 } as const;
    const page = await given.store.searchLogs(query, soon());
    expect(page.rows.map(({ message }) => message)).toEqual(["2007", "1007", "7"]);
    expect(page.next).toBeUndefined();
    const first = await given.store.searchLogs({ ...query, scan: 2 }, soon());
    expect(first.rows).toHaveLength(2);
    const last = await given.store.searchLogs({ ...query, after: first.next ?? 0n }, soon());
    expect(last.rows.map(({ message }) => message)).toEqual(["7"]);
  });

  test("text is part of the message: no pattern, ASCII in any case", async () => {
    await append(
      ["100% done", "100 done", "a_b", "aXb", "It's ÄRGER", "*?[x]"].map((t) => logRow(t)),
    );
    const texts = async (text: string) => (await search({ text })).map(({ message }) => message);
    expect(await texts("0%")).toEqual(["100% done"]);
    expect(await texts("A_B")).toEqual(["a_b"]);
    expect(await texts("it's")).toEqual(["It's ÄRGER"]);
    expect(await texts("ärger")).toEqual([]);
    expect(await texts("[X]")).toEqual(["*?[x]"]);
    expect(await texts("")).toHaveLength(6);
  });

  test("numbers are compared as they are read, beyond 53 bits too", async () => {
    await append([
      logRow("large", { attributes: { n: 2 ** 60 } }),
      logRow("0", { attributes: { n: -0 } }),
    ]);
    const equal = async (value: number) => {
      const field = { name: "attributes", key: "n" };
      const rows = await search({ filter: { type: "compare", field, op: "==", value } });
      return rows.map(({ message }) => message);
    };
    expect(await equal(2 ** 60)).toEqual(["large"]);
    expect(await equal(0)).toEqual(["0"]);
  });

  test("a search that nobody waits for stops", async () => {
    await append(Array.from({ length: 5_000 }, (_, n) => logRow(String(n))));
    const leaving = new AbortController();
    const whole = { ns: "default", order: "newest", scan: 5_000, limit: 5_000 } as const;
    const searching = given.store.searchLogs(whole, leaving.signal);
    leaving.abort(new Error("left"));
    await expect(searching).rejects.toThrow("left");
    await expect(given.store.searchLogs(whole, leaving.signal)).rejects.toThrow("left");
  });
}
