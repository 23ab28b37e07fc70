import { expect, test } from "vitest";
import { type Given, logRow, put, run, soon } from "../given.ts";

export function describeWaiting(given: Given): void {
  test("there is nothing to wait for if the journal moved on already", async () => {
    await given.store.commit(put(run("a"), { says: ["1"] }));
    await given.store.changed("runs", 0n, soon());
  });

  test("an entry wakes who waits for its journal, and nobody else", async () => {
    let others = 0;
    const leaving = new AbortController();
    const waits = [
      given.store.changed("agents", 0n, leaving.signal),
      given.store.changed("logs", 0n, leaving.signal),
    ].map((wait) => wait.then(() => others++).catch(() => undefined));
    const woken = given.store.changed("runs", 0n, soon());
    await given.store.commit(put(run("a"), { says: ["1"] }));
    await woken;
    leaving.abort();
    await Promise.all(waits);
    expect(others).toBe(0);
  });

  test("a commit between looking and waiting is not missed", async () => {
    for (let n = 0; n < 50; n++) {
      const { through } = await given.store.read("runs", BigInt(n), 10);
      const written = given.store.commit(put(run(`r${n}`), { says: ["x"] }));
      if (n % 2 === 0) await written;
      await given.store.changed("runs", through, soon());
      await written;
    }
  });

  test("log rows wake who waits for logs", async () => {
    const woken = given.store.changed("logs", 0n, soon());
    await given.store.appendLogs({ ns: "default", rows: [logRow("hello")] }, "queued");
    await woken;
    expect(await given.store.head("logs")).toBe(1n);
  });

  test("waiting ends with the reason of the abort", async () => {
    const leaving = new AbortController();
    const waits = [
      given.store.changed("runs", 0n, leaving.signal),
      given.store.ready(["q"], leaving.signal),
    ];
    leaving.abort(new Error("left"));
    for (const wait of waits) await expect(wait).rejects.toThrow("left");
    await expect(given.store.changed("runs", 0n, leaving.signal)).rejects.toThrow("left");
    await expect(given.store.ready(["q"], leaving.signal)).rejects.toThrow("left");
  });

  test("a queue wakes at a put that is due, and not at others", async () => {
    let woken = false;
    const ready = given.store.ready(["q", "r"], soon()).then(() => {
      woken = true;
    });
    await given.store.commit({
      due: [
        { queue: "other", key: "k", dueAtMs: 0 },
        { queue: "q", key: "later", dueAtMs: given.nowMs + 10 },
        { queue: "q", key: "mine", dueAtMs: 0, reserve: { owner: "me", forMs: 1_000 } },
      ],
    });
    await given.store.head("runs");
    expect(woken).toBe(false);
    await given.store.commit({ due: [{ queue: "r", key: "k", dueAtMs: 0 }] });
    await ready;
  });

  test("a queue wakes at a sweep into it, and has nothing to wait for while an item is ready", async () => {
    await given.store.commit({ due: [{ queue: "q", key: "k", dueAtMs: given.nowMs + 10 }] });
    const ready = given.store.ready(["q"], soon());
    given.nowMs += 10;
    await given.store.due({ limit: 10, expireLeases: true });
    await ready;
    await given.store.ready(["x", "q"], soon());
  });
}
