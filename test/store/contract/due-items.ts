import { expect, test } from "vitest";
import type { Commit } from "../../../src/store/store.ts";
import { type Given, put, refusal, run } from "../given.ts";

export function describeDueItems(given: Given): void {
  const due = (key: string, dueAtMs = 0, more: object = {}): Commit => ({
    due: [{ queue: "q", key, dueAtMs, ...more }],
  });
  const claim = (limit = 10, owner = "me", forMs = 100) =>
    given.store.claim([{ queue: "q", limit }], owner, forMs);
  const sweep = (limit = 100) => given.store.due({ limit, expireLeases: true });

  test("highest priority first, then the longest due", async () => {
    await given.store.commit(due("late", 20));
    await given.store.commit(due("early", 10));
    await given.store.commit(due("urgent", 30, { priority: 5, payload: "now" }));
    await given.store.commit(due("idle", 0, { priority: -1 }));
    const items = await claim();
    expect(items.map(({ key }) => key)).toEqual(["urgent", "early", "late", "idle"]);
    expect(items[0]).toEqual({
      queue: "q",
      key: "urgent",
      token: expect.any(Number),
      dueAtMs: 30,
      untilMs: given.nowMs + 100,
      payload: "now",
      priority: 5,
    });
  });

  test("each queue has its own limit, and nothing is reserved twice", async () => {
    for (let n = 0; n < 30; n++) await given.store.commit(due(`k${n}`));
    await given.store.commit({ due: [{ queue: "other", key: "x", dueAtMs: 0 }] });
    const wants = [
      { queue: "q", limit: 7 },
      { queue: "other", limit: 7 },
    ];
    const claims = ["a", "b", "c"].map((owner) => given.store.claim(wants, owner, 100));
    const items = (await Promise.all(claims)).flat();
    expect(items.filter(({ queue }) => queue === "q")).toHaveLength(21);
    expect(items.filter(({ queue }) => queue === "other")).toHaveLength(1);
    expect(new Set(items.map(({ queue, key }) => queue + key)).size).toBe(22);
  });

  test("an item waits for its time, and the sweep says when to come again", async () => {
    await given.store.commit(due("a", given.nowMs + 50));
    expect(await claim()).toEqual([]);
    expect(await sweep()).toEqual({ moved: 0, nextDueMs: given.nowMs + 50 });
    given.nowMs += 50;
    expect(await sweep()).toEqual({ moved: 1 });
    expect((await claim()).map(({ key }) => key)).toEqual(["a"]);
  });

  test("a sweep moves no more than it was asked to", async () => {
    for (let n = 0; n < 5; n++) await given.store.commit(due(`k${n}`, given.nowMs + n + 1));
    given.nowMs += 10;
    expect((await sweep(3)).moved).toBe(3);
    expect((await sweep(3)).moved).toBe(2);
    expect(await sweep(3)).toEqual({ moved: 0 });
  });

  test("the items of a claimer that died come back", async () => {
    await given.store.commit(due("a"));
    expect(await claim()).toHaveLength(1);
    expect(await sweep()).toEqual({ moved: 0, nextDueMs: given.nowMs + 100 });
    given.nowMs += 99;
    await sweep();
    expect(await claim()).toEqual([]);
    given.nowMs += 1;
    await sweep();
    expect(await claim(10, "another")).toHaveLength(1);
  });

  test("tokens of a key only rise: over claims, puts, moves, and after it was finished", async () => {
    const tokens: number[] = [];
    const take = async () => {
      given.nowMs += 1_000;
      await sweep();
      for (const { token } of await claim()) tokens.push(token);
    };
    await given.store.commit(due("a"));
    await take();
    await take();
    await given.store.commit(due("a"));
    await take();
    await given.store.commit({ ...due("a"), finish: [{ queue: "q", key: "a" }] });
    await take();
    await given.store.commit({ finish: [{ queue: "q", key: "a" }] });
    await given.store.commit(due("a"));
    await take();
    expect(tokens).toHaveLength(5);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  test("finishing with a token that is not the last one writes nothing", async () => {
    await given.store.commit(due("a"));
    const [mine] = await claim();
    given.nowMs += 200;
    await sweep();
    const [theirs] = await claim(10, "another");
    const finish = (token: number | undefined) => ({
      ...put(run(`by ${token}`)),
      finish: [{ queue: "q", key: "a", ...(token !== undefined && { token }) }],
    });
    await expect(given.store.commit(finish(mine?.token))).rejects.toEqual(
      refusal("reservation_lost"),
    );
    expect(await given.load(run(`by ${mine?.token}`))).toBeUndefined();
    await given.store.commit(finish(theirs?.token));
    await expect(given.store.commit(finish(theirs?.token))).rejects.toEqual(
      refusal("version_conflict"),
    );
    const gone = { finish: [{ queue: "q", key: "a", token: theirs?.token ?? 0 }] };
    await expect(given.store.commit(gone)).rejects.toEqual(refusal("reservation_lost"));
  });

  test("finishing holds after the reservation ran out, until somebody else has one", async () => {
    await given.store.commit(due("a"));
    const [mine] = await claim();
    given.nowMs += 200;
    await sweep();
    await given.store.commit({ finish: [{ queue: "q", key: "a", token: mine?.token ?? 0 }] });
    expect(await claim()).toEqual([]);
  });

  test("cancelling fences: finish without a token always removes", async () => {
    await given.store.commit(due("a"));
    const [mine] = await claim();
    await given.store.commit({
      finish: [
        { queue: "q", key: "a" },
        { queue: "q", key: "never was" },
      ],
    });
    const finish = [{ queue: "q", key: "a", token: mine?.token ?? 0 }];
    await expect(given.store.commit({ finish })).rejects.toEqual(refusal("reservation_lost"));
  });

  test("finish and put in one commit give an item back", async () => {
    await given.store.commit(due("a", 0, { payload: "1" }));
    const [mine] = await claim();
    const token = mine?.token ?? 0;
    const back = due("a", given.nowMs + 10, { payload: "2" });
    await given.store.commit({ ...back, finish: [{ queue: "q", key: "a", token }] });
    given.nowMs += 10;
    await sweep();
    expect(await claim()).toMatchObject([{ key: "a", payload: "2" }]);
  });

  test("what is put reserved nobody else can claim, until it runs out", async () => {
    const { reserved } = await given.store.commit(
      due("a", 0, { reserve: { owner: "me", forMs: 50 } }),
    );
    expect(reserved).toEqual([
      {
        queue: "q",
        key: "a",
        token: expect.any(Number),
        dueAtMs: 0,
        untilMs: given.nowMs + 50,
        priority: 0,
      },
    ]);
    expect(await claim(10, "another")).toEqual([]);
    given.nowMs += 50;
    await sweep();
    expect(await claim(10, "another")).toHaveLength(1);
  });

  test("a timer that moved fires once, at its new time, and is lost to who had it", async () => {
    const timer = { queue: "sys/timer", key: "t" };
    const fired = async () => {
      await sweep();
      return given.store.claim([{ queue: "sys/timer", limit: 10 }], "me", 1_000);
    };
    await given.store.commit({ due: [{ ...timer, dueAtMs: given.nowMs + 10, payload: "p" }] });
    const moves = [
      { key: "t", dueAtMs: given.nowMs + 30 },
      { key: "gone", dueAtMs: 1 },
    ];
    expect(await given.store.extend(moves)).toEqual([true, false]);
    given.nowMs += 20;
    expect(await fired()).toEqual([]);
    given.nowMs += 10;
    const [mine] = await fired();
    expect(mine).toMatchObject({ key: "t", payload: "p", dueAtMs: given.nowMs });
    expect(await fired()).toEqual([]);
    expect(await given.store.extend([{ key: "t", dueAtMs: given.nowMs + 10 }])).toEqual([true]);
    const late = { finish: [{ ...timer, token: mine?.token ?? 0 }] };
    await expect(given.store.commit(late)).rejects.toEqual(refusal("reservation_lost"));
    given.nowMs += 10;
    expect(await fired()).toHaveLength(1);
  });
}
