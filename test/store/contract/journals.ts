import { expect, test } from "vitest";
import { bodies, both, type Given, put, run, task } from "../given.ts";

export function describeJournals(given: Given): void {
  test("positions are dense per journal, sequences per entity, whatever is refused in between", async () => {
    const agent = { ns: "default", kind: "agent", id: "x" } as const;
    const first = await given.store.commit({
      ...put(run("a"), { says: ["a1", "a2"] }),
      entries: [
        { journal: "runs", ...run("a"), body: "a1" },
        { journal: "agents", ...agent, body: "x1" },
        { journal: "runs", ...run("a"), body: "a2" },
      ],
    });
    expect(first.entries).toEqual([
      { position: 1n, sequence: 1, atMs: given.nowMs },
      { position: 1n, sequence: 1, atMs: given.nowMs },
      { position: 2n, sequence: 2, atMs: given.nowMs },
    ]);
    await Promise.allSettled([
      given.store.commit(put(run("a"), { says: ["refused"] })),
      given.store.commit(put(run("b"), { says: ["b1"] })),
      given.store.commit(put(run("a"), { version: 1, says: ["a3"] })),
    ]);
    const entries = await given.readAll("runs");
    expect(entries.map((e) => [e.position, e.id, e.sequence, e.body])).toEqual([
      [1n, "a", 1, "a1"],
      [2n, "a", 2, "a2"],
      [3n, "b", 1, "b1"],
      [4n, "a", 3, "a3"],
    ]);
    expect(await given.store.head("runs")).toBe(4n);
    expect(await given.store.head("agents")).toBe(1n);
  });

  test("a commit is never split, whatever the limit", async () => {
    for (const id of ["a", "b", "c"])
      await given.store.commit(put(run(id), { says: ["1", "2", "3"] }));
    for (const limit of [1, 2, 4, 7]) {
      const seen: string[] = [];
      let after = 0n;
      while (after < 9n) {
        const { entries, through } = await given.store.read("runs", after, limit);
        expect(entries.length % 3).toBe(0);
        expect(entries.at(-1)?.ends).toBe(true);
        expect(through).toBe(entries.at(-1)?.position);
        seen.push(...entries.map(({ id, body }) => id + body));
        after = through;
      }
      expect(seen).toEqual(["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"]);
    }
  });

  test("only what is asked for is read, in whole commits, and the rest counts as looked at", async () => {
    const mixed = (id: string) =>
      both(put(run(id), { says: ["x"] }), put(run(id, "other"), { says: ["y", "z"] }));
    await given.store.commit(mixed("a"));
    await given.store.commit(put(task("t"), { says: ["t"] }));
    await given.store.commit(mixed("b"));
    const other = await given.store.read("runs", 0n, 1, { ns: "other" });
    expect(bodies(other.entries)).toEqual(["y", "z"]);
    expect(other.through).toBe(3n);
    const rest = await given.store.read("runs", 3n, 5, { ns: "other" });
    expect([bodies(rest.entries), rest.through]).toEqual([["y", "z"], 7n]);
    const tasks = await given.store.read("runs", 0n, 5, { ns: "default", kind: "task" });
    expect([bodies(tasks.entries), tasks.through]).toEqual([["t"], 7n]);
    const one = await given.store.read("runs", 0n, 5, { ns: "default", kind: "run", id: "b" });
    expect([bodies(one.entries), one.through]).toEqual([["x"], 7n]);
    const none = await given.store.read("runs", 0n, 5, { ns: "nowhere" });
    expect(none).toEqual({ entries: [], through: 7n });
  });

  test("a filtered read through a long journal gets there in bounded steps", async () => {
    for (let n = 0; n < 5; n++) {
      const says = Array.from({ length: 1_000 }, (_, i) => `${n}/${i}`);
      await given.store.commit(put(run(`r${n}`), { says }));
    }
    await given.store.commit(put(run("wanted", "other"), { says: ["found"] }));
    const found: string[] = [];
    for (let after = 0n; after < 5_001n; ) {
      const page = await given.store.read("runs", after, 10, { ns: "other" });
      expect(page.through).toBeGreaterThan(after);
      found.push(...bodies(page.entries));
      after = page.through;
    }
    expect(found).toEqual(["found"]);
  });

  test("reading at the head finds nothing and stays there", async () => {
    expect(await given.store.read("runs", 0n, 10)).toEqual({ entries: [], through: 0n });
    await given.store.commit(put(run("a"), { says: ["1"] }));
    expect(await given.store.read("runs", 1n, 10)).toEqual({ entries: [], through: 1n });
  });

  test("times never fall along a journal, even if the clock does", async () => {
    await given.store.commit(put(run("a"), { says: ["1"] }));
    given.nowMs -= 500;
    await given.store.commit(put(run("b"), { says: ["2"] }));
    given.nowMs += 600;
    await given.store.commit(put(run("c"), { says: ["3"] }));
    const times = (await given.readAll("runs")).map(({ atMs }) => atMs);
    expect(times).toEqual([1_000_000, 1_000_000, 1_000_100]);
    given.nowMs = 0;
    expect(given.store.nowMs()).toBe(1_000_100);
  });

  test("what is trimmed is gone: a cursor from before names the oldest place", async () => {
    for (const id of ["a", "b", "c"]) await given.store.commit(put(run(id), { says: [id] }));
    await given.store.trim("runs", 2n);
    const expired = { refusal: { code: "cursor_expired", oldest: 2n } };
    await expect(given.store.read("runs", 1n, 10)).rejects.toMatchObject(expired);
    await expect(given.store.read("runs", 0n, 10, { ns: "x" })).rejects.toMatchObject(expired);
    expect(bodies(await given.readAll("runs", 2n))).toEqual(["c"]);
    await given.store.trim("runs", 1n);
    await expect(given.store.read("runs", 1n, 10)).rejects.toMatchObject(expired);
  });

  test("positions and sequences go on after everything was trimmed", async () => {
    const says = Array.from({ length: 2_500 }, (_, n) => String(n));
    await given.store.commit(put(run("a"), { says }));
    await given.store.trim("runs", 1_000_000n);
    const { entries } = await given.store.commit(put(run("a"), { version: 1, says: ["next"] }));
    expect(entries).toMatchObject([{ position: 2_501n, sequence: 2_501 }]);
    expect(bodies(await given.readAll("runs", 2_500n))).toEqual(["next"]);
  });

  test("a time is found as a position", async () => {
    expect(await given.store.positionBefore("runs", given.nowMs)).toBe(0n);
    for (const id of ["a", "b", "c", "d"]) {
      await given.store.commit(put(run(id), { says: [id] }));
      given.nowMs += 10;
    }
    const olderThan = (atMs: number) => given.store.positionBefore("runs", atMs);
    expect(await olderThan(1_000_000)).toBe(0n);
    expect(await olderThan(1_000_001)).toBe(1n);
    expect(await olderThan(1_000_020)).toBe(2n);
    expect(await olderThan(2_000_000)).toBe(4n);
    await given.store.trim("runs", 3n);
    expect(await olderThan(1_000_000)).toBe(3n);
  });
}
