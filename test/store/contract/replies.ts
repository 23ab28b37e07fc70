import { expect, test } from "vitest";
import { type Given, put, run } from "../given.ts";

export function describeReplies(given: Given): void {
  const reply = (n: number, ttlMs = 100) => ({
    ns: "default",
    key: "request",
    requestHash: Uint8Array.of(1, 2, n),
    body: `answer ${n}`,
    ttlMs,
  });

  test("of equal requests one has an effect, and all have its answer", async () => {
    expect(await given.store.reply("default", "request")).toBeUndefined();
    const requests = [0, 1, 2].map((n) =>
      given.store.commit({ ...put(run("a"), { state: n, says: [String(n)] }), reply: reply(n) }),
    );
    const [first, ...others] = await Promise.all(requests);
    expect(first?.replayed).toBeUndefined();
    for (const { replayed, entries } of others) {
      expect(entries).toEqual([]);
      expect(replayed?.body).toBe("answer 0");
      expect([...(replayed?.requestHash ?? [])]).toEqual([1, 2, 0]);
    }
    expect((await given.load(run("a")))?.version).toBe(1);
    expect((await given.store.reply("default", "request"))?.body).toBe("answer 0");
    expect(await given.store.reply("other", "request")).toBeUndefined();
    expect(await given.store.head("runs")).toBe(1n);
  });

  test("an answer is forgotten when its time is over", async () => {
    await given.store.commit({ reply: reply(1) });
    given.nowMs += 99;
    expect((await given.store.reply("default", "request"))?.body).toBe("answer 1");
    given.nowMs += 1;
    expect(await given.store.reply("default", "request")).toBeUndefined();
    expect((await given.store.commit({ reply: reply(2) })).replayed).toBeUndefined();
    given.nowMs += 1_000;
    await given.store.due({ limit: 10, expireLeases: true });
    expect((await given.store.commit({ reply: reply(3) })).replayed).toBeUndefined();
  });
}
