import { expect, test } from "vitest";
import type { Given } from "../given.ts";

export function describeSessions(given: Given): void {
  const lease = (sessionEpoch: number, leaseMs = 100) => ({
    ns: "default",
    agentId: "x",
    sessionEpoch,
    leaseMs,
  });
  const raised = async (expireLeases = true) => {
    const { moved } = await given.store.due({ limit: 100, expireLeases });
    const items = await given.store.claim([{ queue: "sys/session-check", limit: 10 }], "me", 10);
    expect(items).toHaveLength(moved);
    const finish = items.map(({ queue, key, token }) => ({ queue, key, token }));
    await given.store.commit({ finish });
    return items.map(({ key }) => key);
  };

  test("a lapsed session is raised once at half its lease and once at its end", async () => {
    await given.store.commit({ sessions: [lease(3)] });
    expect(await given.store.leases([{ ns: "default", agentId: "x" }])).toEqual([
      { ...lease(3), untilMs: given.nowMs + 100 },
    ]);
    expect((await given.store.due({ limit: 9, expireLeases: true })).nextDueMs).toBe(
      given.nowMs + 50,
    );
    given.nowMs += 50;
    expect(await raised()).toEqual(["default/x/3"]);
    expect(await raised()).toEqual([]);
    given.nowMs += 50;
    expect(await raised()).toEqual(["default/x/3"]);
    given.nowMs += 1_000;
    expect(await raised()).toEqual([]);
  });

  test("a lapse seen late is raised once", async () => {
    await given.store.commit({ sessions: [lease(1)] });
    given.nowMs += 1_000;
    expect(await raised()).toEqual(["default/x/1"]);
    expect(await raised()).toEqual([]);
  });

  test("a beat starts the silence again, at any stage", async () => {
    await given.store.commit({ sessions: [lease(1)] });
    for (const silentMs of [40, 60, 200]) {
      given.nowMs += silentMs;
      await raised();
      expect(await given.store.beat([lease(1)])).toEqual([true]);
      expect((await given.store.leases([lease(1)]))[0]?.untilMs).toBe(given.nowMs + 100);
      given.nowMs += 49;
      expect(await raised()).toEqual([]);
      given.nowMs += 1;
      expect(await raised()).toEqual(["default/x/1"]);
    }
  });

  test("only the current session can beat", async () => {
    expect(await given.store.beat([lease(1)])).toEqual([false]);
    await given.store.commit({ sessions: [lease(1)] });
    await given.store.commit({ sessions: [lease(2)] });
    expect(await given.store.beat([lease(1), lease(2), lease(3)])).toEqual([false, true, false]);
    given.nowMs += 100;
    expect(await raised()).toEqual(["default/x/2"]);
  });

  test("a session ends, unless another one took over", async () => {
    await given.store.commit({ sessions: [lease(2)] });
    const end = (sessionEpoch: number) => ({ ns: "default", agentId: "x", sessionEpoch });
    await given.store.commit({ endSessions: [end(1)] });
    expect(await given.store.beat([lease(2)])).toEqual([true]);
    await given.store.commit({ endSessions: [end(2)], sessions: [] });
    expect(await given.store.beat([lease(2)])).toEqual([false]);
    given.nowMs += 1_000;
    expect(await raised()).toEqual([]);
  });

  test("after a pause of the process nobody is judged", async () => {
    await given.store.commit({ sessions: [lease(1)] });
    given.nowMs += 1_000;
    expect(await raised(false)).toEqual([]);
    expect(await given.store.due({ limit: 9, expireLeases: false })).toEqual({ moved: 0 });
    expect(await raised()).toEqual(["default/x/1"]);
  });
}
