import { expect, test } from "vitest";
import type { Commit } from "../../../src/store/store.ts";
import { bodies, both, type Given, put, refusal, run, task } from "../given.ts";

export function describeCommits(given: Given): void {
  test("an entity is missing, then at version 1, then at 2", async () => {
    expect(await given.store.load([run("a"), run("b")])).toEqual([undefined, undefined]);
    await given.store.commit(put(run("a"), { state: { n: 1 }, parent: "p", says: ["one", "two"] }));
    given.nowMs += 5;
    await given.store.commit(put(run("a"), { version: 1, state: { n: 2 }, status: "failed" }));
    expect(await given.load(run("a"))).toEqual({
      ...run("a"),
      version: 2,
      revision: 2,
      status: "failed",
      state: '{"n":2}',
      createdMs: 1_000_000,
      updatedMs: 1_000_005,
    });
  });

  test("what was loaded is in the order of the keys", async () => {
    await given.store.commit(both(put(run("a")), put(run("b"))));
    const found = await given.store.load([run("b"), run("missing"), run("a")]);
    expect(found.map((entity) => entity?.id)).toEqual(["b", undefined, "a"]);
  });

  test("a stale version writes no part", async () => {
    await given.store.commit(put(run("a")));
    const stale: Commit = {
      ...both(put(run("a"), { says: ["a"] }), put(run("b"), { says: ["b"] })),
      due: [{ queue: "q", key: "k", dueAtMs: 0 }],
      sessions: [{ ns: "default", agentId: "x", sessionEpoch: 1, leaseMs: 10 }],
      reply: { ns: "default", key: "r", requestHash: new Uint8Array(1), body: "{}", ttlMs: 10 },
    };
    await expect(given.store.commit(stale)).rejects.toEqual(refusal("version_conflict"));
    expect(await given.load(run("b"))).toBeUndefined();
    expect((await given.load(run("a")))?.version).toBe(1);
    expect(await given.store.head("runs")).toBe(0n);
    expect(await given.store.claim([{ queue: "q", limit: 1 }], "me", 10)).toEqual([]);
    expect(await given.store.leases([{ ns: "default", agentId: "x" }])).toEqual([undefined]);
    expect(await given.store.reply("default", "r")).toBeUndefined();
  });

  test("a commit that fails half-way writes no part, and its neighbours are carried out", async () => {
    const broken = put(run("bad"), { says: ["bad"] });
    const unwritable = [{ queue: "q", key: "k", dueAtMs: {} as unknown as number }];
    const results = await Promise.allSettled([
      given.store.commit(put(run("a"), { says: ["a"] })),
      given.store.commit({ ...broken, due: unwritable }),
      given.store.commit(put(run("b"), { says: ["b"] })),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await given.load(run("bad"))).toBeUndefined();
    expect(bodies(await given.readAll("runs"))).toEqual(["a", "b"]);
  });

  test("one of 20 creators wins", async () => {
    const creators = Array.from({ length: 20 }, (_, n) =>
      given.store.commit(put(run("a"), { state: n, says: [String(n)] })),
    );
    const results = await Promise.allSettled(creators);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const [entry, ...others] = await given.readAll("runs");
    expect(others).toEqual([]);
    expect((await given.load(run("a")))?.state).toBe(entry?.body);
  });

  test("a version that was only read guards, against neighbours in the batch too", async () => {
    await given.store.commit(put(run("guard")));
    const guarded: Commit = {
      ...put(task("t")),
      expect: [
        { ...task("t"), version: 0 },
        { ...run("guard"), version: 1 },
      ],
    };
    const [moved, refused] = await Promise.allSettled([
      given.store.commit(put(run("guard"), { version: 1 })),
      given.store.commit(guarded),
    ]);
    expect(moved.status).toBe("fulfilled");
    expect(refused).toMatchObject({ reason: { refusal: { code: "version_conflict" } } });
    expect(await given.load(task("t"))).toBeUndefined();
  });

  test("commits on one key in one batch build on each other", async () => {
    const writes = [0, 1, 2].map((version) =>
      given.store.commit(put(run("a"), { version, state: version, says: [String(version)] })),
    );
    await Promise.all(writes);
    expect(await given.load(run("a"))).toMatchObject({ version: 3, revision: 3, state: "2" });
  });

  test("neighbours of a refused commit succeed", async () => {
    const results = await Promise.allSettled([
      given.store.commit(put(run("a"))),
      given.store.commit(put(run("b"), { version: 7 })),
      given.store.commit(put(run("c"))),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((await given.store.load([run("a"), run("c")])).map((e) => e?.version)).toEqual([1, 1]);
  });

  test("what is removed does not exist, and begins again", async () => {
    await given.store.commit(put(run("a"), { says: ["first life"] }));
    await given.store.commit({ expect: [{ ...run("a"), version: 1 }], remove: [run("a")] });
    expect(await given.load(run("a"))).toBeUndefined();
    await given.store.commit(put(run("a"), { says: ["second life"] }));
    expect(await given.load(run("a"))).toMatchObject({ version: 1, revision: 1 });
    expect(bodies(await given.readAll("runs"))).toEqual(["first life", "second life"]);
  });

  test("nothing is written without its version", async () => {
    const { put: puts = [] } = put(run("a"));
    await expect(given.store.commit({ put: puts })).rejects.toThrow("without its version");
    await expect(given.store.commit({ remove: [run("a")] })).rejects.toThrow("without its version");
    expect(await given.load(run("a"))).toBeUndefined();
  });

  test("an empty commit is carried out", async () => {
    const { nowMs: atMs } = given;
    expect(await given.store.commit({})).toEqual({ atMs, entries: [], reserved: [] });
  });

  test("what a commit put bears the time that it says", async () => {
    const { atMs } = await given.store.commit(put(run("a")));
    expect(await given.load(run("a"))).toMatchObject({ createdMs: atMs, updatedMs: atMs });
    given.nowMs += 1_000;
    const later = await given.store.commit(put(run("a"), { version: 1 }));
    expect(later.atMs).toBe(given.nowMs);
    const times = { createdMs: atMs, updatedMs: later.atMs };
    expect(await given.load(run("a"))).toMatchObject(times);
  });

  test("thousands at once are all carried out, and one too many is refused", async () => {
    const writes = Array.from({ length: 8_300 }, (_, n) => given.store.commit(put(run(`r${n}`))));
    const results = await Promise.allSettled(writes);
    const refused = results.filter((result) => result.status === "rejected");
    expect(refused).toHaveLength(8_300 - 8_192);
    for (const { reason } of refused) expect(reason).toEqual(refusal("overloaded"));
    const page = { kind: "run", ns: "default", order: "id", limit: 10_000 } as const;
    expect((await given.store.list(page)).entities).toHaveLength(8_192);
  });

  test("large states come back as they were", async () => {
    const text = `${"x".repeat(1_500_000)}\u{1f600}"\\`;
    await Promise.all([
      given.store.commit(put(run("a"), { state: text })),
      given.store.commit(put(run("b"), { state: text })),
    ]);
    const [a, b] = await given.store.load([run("a"), run("b")]);
    expect(JSON.parse(a?.state ?? "")).toBe(text);
    expect(b?.state).toBe(a?.state);
  });

  test("closing finishes what was asked, and refuses what comes after", async () => {
    const asked = given.store.commit(put(run("a")));
    const closed = given.store.close();
    await expect(asked).resolves.toBeDefined();
    await closed;
    const unavailable = refusal("store_unavailable");
    await expect(given.store.commit(put(run("b")))).rejects.toEqual(unavailable);
    await expect(given.store.load([run("a")])).rejects.toEqual(unavailable);
    await given.store.close();
  });
}
