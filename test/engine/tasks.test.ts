import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isRefused } from "../../src/core/errors.ts";
import type { RunEntryBody } from "../../src/core/run.ts";
import {
  CALLER,
  type EngineRig,
  NS,
  nextEvent,
  openEngine,
  taskOf,
  until,
  workStep,
} from "./rig.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await openEngine({ offer_ms: 1_000 });
});
afterEach(() => rig[Symbol.asyncDispose]());

const report = (
  taskId: string,
  leaseEpoch: number,
  body: Parameters<EngineRig["engine"]["tasks"]["report"]>[2]["report"],
) => rig.engine.tasks.report(CALLER, undefined, { taskId, leaseEpoch, report: body });
const complete = (taskId: string, leaseEpoch: number, output: object = {}) =>
  report(taskId, leaseEpoch, { type: "complete", output: { ...output } });
const runOf = async (runId: string) => (await rig.engine.runs.get(NS, runId)).run;
const ends = (runId: string, state: string) =>
  until(async () => {
    const run = await runOf(runId);
    return run.state === state && run;
  });
const refusal = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return isRefused(error, "lease_lost", "outcome_recorded", "identity_mismatch", "not_found")
    ? error.refusal.code
    : error;
};

describe("reports are fenced", () => {
  test("late, double and foreign ones get the reasons of the contract", async () => {
    const agent = await rig.agent("a");
    await rig.run([workStep("s")]);
    const { task } = await agent.take(true);
    const { taskId } = task;
    expect(await refusal(complete(taskId, 2))).toBe("lease_lost");
    expect(await refusal(complete("nothing", 1))).toBe("not_found");
    const foreign = { taskId, leaseEpoch: 1, report: { type: "complete" } } as const;
    expect(await refusal(rig.engine.tasks.report(CALLER, "b", foreign))).toBe("identity_mismatch");
    expect(await complete(taskId, 1, { x: 1 })).toMatchObject({
      disposition: "recorded",
      state: "succeeded",
    });
    expect(await complete(taskId, 1, { x: 1 })).toMatchObject({ disposition: "duplicate" });
    expect(await refusal(complete(taskId, 1, { x: 2 }))).toBe("outcome_recorded");
  });

  test("a lease that ran out: its report counts until the next hand-out, then the new holder's does", async () => {
    const agent = await rig.agent("a", {}, 2_000);
    const retry = { initialDelayMs: 5_000, maxDelayMs: 5_000 };
    const [first, second] = [
      await rig.run([workStep("s", { retry })]),
      await rig.run([workStep("s", { retry })]),
    ];
    const one = (await agent.take(true)).task;
    rig.advance(2_100);
    await until(async () => (await taskOf(rig, one.runId, "s")).state === "retry_wait");
    await agent.beat();
    expect(await complete(one.taskId, 1)).toMatchObject({ disposition: "recorded" });
    await ends(one.runId, "succeeded");

    const other = (await agent.take(true)).task;
    expect([first, second]).toContain(other.runId);
    rig.advance(2_100);
    await until(async () => (await taskOf(rig, other.runId, "s")).state === "retry_wait");
    rig.advance(6_000);
    await agent.beat();
    expect((await agent.take(true)).task).toMatchObject({ attempt: 2, leaseEpoch: 2 });
    expect(await refusal(complete(other.taskId, 1))).toBe("lease_lost");
    await complete(other.taskId, 2);
    await ends(other.runId, "succeeded");
  });
});

describe("time", () => {
  test.each([
    ["queued", { queuedMs: 1_000 }, false, "TIMEOUT_QUEUED"],
    ["attempt", { attemptMs: 1_000 }, true, "ATTEMPTS_EXHAUSTED"],
    ["total", { attemptMs: 900, totalMs: 1_000 }, true, "TIMEOUT_TOTAL"],
  ] as const)("the %s timeout", async (_, timeouts, take, reason) => {
    const agent = await rig.agent("a", {}, 60_000);
    const retry = {
      maxAttempts: reason === "ATTEMPTS_EXHAUSTED" ? 1 : 9,
      initialDelayMs: 1_000,
      maxDelayMs: 1_000,
    };
    const runId = await rig.run([workStep("s", { timeouts, retry })]);
    if (take) await agent.take(true);
    rig.advance(1_100);
    const { failure } = await ends(runId, "failed");
    expect(failure?.reason).toBe(reason);
  });

  test("the run's timeout ends it and cancels what is open", async () => {
    const agent = await rig.agent("a", {}, 60_000);
    const runId = await rig.run([workStep("s")], undefined, { timeoutMs: 5_000 });
    const { task } = await agent.take(true);
    rig.advance(5_100);
    expect((await ends(runId, "failed")).failure?.reason).toBe("TIMEOUT_RUN");
    expect(await taskOf(rig, runId, "s")).toMatchObject({ state: "cancelled" });
    expect(await complete(task.taskId, 1)).toMatchObject({ disposition: "late" });
  });

  test("a failed attempt is retried after its delay, at most so often", async () => {
    const agent = await rig.agent("a", {}, 60_000);
    const retry = { maxAttempts: 2, initialDelayMs: 1_000, maxDelayMs: 1_000 };
    const runId = await rig.run([workStep("s", { retry })]);
    const { task } = await agent.take(true);
    const failure = { reason: "OOPS", message: "m", retryAfterMs: 2_000 };
    await report(task.taskId, 1, { type: "fail", failure });
    expect(await agent.poll()).toEqual([]);
    rig.advance(2_100);
    const again = await agent.take(true);
    expect(again).toMatchObject({ task: { attempt: 2 }, lastFailure: { reason: "OOPS" } });
    await report(task.taskId, 2, { type: "fail", failure });
    expect((await ends(runId, "failed")).failure).toMatchObject({
      reason: "ATTEMPTS_EXHAUSTED",
      cause: { reason: "OOPS" },
    });
  });
});

describe("hand-out", () => {
  test("a task that fits nobody blocks no other and uses no attempt", async () => {
    const wrong = await rig.agent("wrong", { capabilities: [{ name: "work", version: "1.0.0" }] });
    const kind = {
      type: "task",
      agent: { capability: "work@^2", where: "agent.labels.team == 'b'" },
    } as const;
    const picky = await rig.run([{ id: "s", kind }]);
    const plain = await rig.run([workStep("s")]);
    expect((await wrong.take(true)).task.runId).toBe(plain);
    expect(await taskOf(rig, picky, "s")).toMatchObject({ state: "queued", attempt: 0 });
    const right = await rig.agent("right", {
      capabilities: [{ name: "work", version: "2.3.0" }],
      labels: { team: "b" },
    });
    rig.advance(2_000);
    expect((await right.take(true)).task).toMatchObject({ runId: picky, attempt: 1 });
  });

  test("higher priority goes first", async () => {
    const low = await rig.run([workStep("s", { priority: 2 })]);
    const high = await rig.run([workStep("s", { priority: 9 })]);
    const agent = await rig.agent("a", { slots: 2 });
    expect((await agent.poll(2, true)).map(({ task }) => task.runId)).toEqual([high, low]);
  });

  test("no agent gets more than its slots", async () => {
    for (let n = 0; n < 4; n++) await rig.run([workStep("s")]);
    const agent = await rig.agent("a", { slots: 3 });
    expect(await agent.poll(10, true)).toHaveLength(3);
    expect(await agent.poll(10, true)).toEqual([]);
    expect((await rig.engine.agents.get(NS, "a")).slotsUsed).toBe(3);
  });

  test("a closed session gives its tasks back without using an attempt", async () => {
    const agent = await rig.agent("a");
    const runId = await rig.run([workStep("s")]);
    await agent.take(true);
    const { result } = await rig.engine.agents.closeSession(CALLER, agent.sessionId, agent.epoch);
    expect(result).toEqual({ tasksRequeued: 1 });
    await until(async () => (await taskOf(rig, runId, "s")).state === "queued");
    const next = await rig.agent("b");
    expect((await next.take(true)).task).toMatchObject({ runId, attempt: 1, leaseEpoch: 2 });
  });

  test("a new session of an agent takes over; the old one must stop", async () => {
    const old = await rig.agent("a");
    const runId = await rig.run([workStep("s")]);
    const { task } = await old.take(true);
    const fresh = await rig.agent("a");
    expect(fresh.epoch).toBe(old.epoch + 1);
    await expect(old.beat()).rejects.toMatchObject({ refusal: { code: "session_superseded" } });
    expect((await fresh.take(true)).task).toMatchObject({ runId, leaseEpoch: 2 });
    expect(await refusal(complete(task.taskId, 1))).toBe("lease_lost");
  });

  test("an offer that never left goes back when the stream breaks", async () => {
    const agent = await rig.agent("a");
    const leaving = new AbortController();
    const options = { sessionId: agent.sessionId, epoch: agent.epoch, autoAck: false };
    const { events } = await rig.engine.tasks.work(CALLER, options, leaving.signal);
    const iterator = events[Symbol.asyncIterator]();
    const runId = await rig.run([workStep("s")]);
    expect(await nextEvent(iterator)).toMatchObject({ type: "assignments" });
    await iterator.return?.();
    expect(await taskOf(rig, runId, "s")).toMatchObject({
      state: "queued",
      attempt: 0,
      releases: 1,
    });
  });
});

describe("cancel", () => {
  test("tells the holder at once, waits for it, and its report comes late", async () => {
    const agent = await rig.agent("a", {}, 60_000);
    const options = { sessionId: agent.sessionId, epoch: agent.epoch, autoAck: true };
    const { events } = await rig.engine.tasks.work(CALLER, options, AbortSignal.timeout(8_000));
    const iterator = events[Symbol.asyncIterator]();
    const runId = await rig.run([workStep("s")]);
    await nextEvent(iterator);
    const { taskId } = await taskOf(rig, runId, "s");
    const { result } = await rig.engine.runs.cancel(
      { ...CALLER, reason: "no more" },
      { ids: [runId, "nobody"] },
      5_000,
    );
    expect(result).toMatchObject({
      matched: 2,
      changed: [runId],
      skipped: [{ id: "nobody", reason: "not_found" }],
    });
    expect((await runOf(runId)).state).toBe("cancelling");
    expect(await nextEvent(iterator)).toMatchObject({
      type: "directives",
      directives: [{ type: "cancel_task", taskId, reason: "no more" }],
    });
    expect(await complete(taskId, 1)).toMatchObject({ disposition: "late", state: "cancelled" });
    expect((await runOf(runId)).state).toBe("cancelled");
  });

  test("ends without the holder once its grace is over", async () => {
    const agent = await rig.agent("a", {}, 60_000);
    const runId = await rig.run([workStep("s"), workStep("t")]);
    await agent.take(true);
    await rig.engine.runs.cancel(CALLER, { ids: [runId] }, 5_000);
    rig.advance(5_100);
    await ends(runId, "cancelled");
    expect(await taskOf(rig, runId, "s")).toMatchObject({ state: "cancelled" });
  });
});

test("the history of a run is numbered without a gap and folds the whole story", async () => {
  const agent = await rig.agent("a");
  const runId = await rig.run([
    workStep("s"),
    { id: "t", kind: { type: "set", values: { x: "steps.s.output.y + 1" } } },
  ]);
  const { task } = await agent.take();
  await report(task.taskId, 1, { type: "ack" });
  await complete(task.taskId, 1, { y: 1 });
  const { run, output } = await rig.engine.runs.details(NS, runId);
  expect([run.state, output]).toEqual(["succeeded", { x: 2 }]);
  const { entries } = await rig.store.read("runs", 0n, 100, { ns: NS, kind: "run", id: runId });
  expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, i) => i + 1));
  expect(
    entries.map(({ body }) => {
      const { event } = JSON.parse(body) as RunEntryBody;
      return event.type === "task_changed" ? event.to : event.type;
    }),
  ).toEqual([
    "started",
    "queued",
    "assigned",
    "running",
    "succeeded",
    "step_ended",
    "step_ended",
    "succeeded",
  ]);
});

test("an ended run is removed with all it owns after its retention", async () => {
  const agent = await rig.agent("a");
  const runId = await rig.run([workStep("s")]);
  const { task } = await agent.take(true);
  await complete(task.taskId, 1, { y: 1 });
  await ends(runId, "succeeded");
  rig.advance(31 * 86_400_000);
  await until(async () => (await refusal(rig.engine.runs.get(NS, runId))) === "not_found");
  expect(
    (await rig.store.list({ ns: NS, kind: "step", parent: runId, order: "id", limit: 9 })).entities,
  ).toEqual([]);
  expect(await refusal(rig.engine.runs.task(NS, task.taskId))).toBe("not_found");
});

test("an ended session is removed after its retention", async () => {
  const agent = await rig.agent("a");
  await rig.engine.agents.closeSession(CALLER, agent.sessionId, agent.epoch);
  const sessions = async () => (await rig.engine.agents.sessions(NS, "a", { limit: 9 })).items;
  rig.advance(29 * 86_400_000);
  await until(async () => (await rig.store.head("agents")) > 0n && (await sessions()).length === 1);
  rig.advance(2 * 86_400_000);
  await until(async () => (await sessions()).length === 0);
});

test("many timers that are due at once are all taken by one sweep", async () => {
  await using slow = await openEngine({ sweep_ms: 60_000 });
  const runs = await Promise.all(
    Array.from({ length: 250 }, () => slow.run([workStep("s")], undefined, { timeoutMs: 5_000 })),
  );
  slow.advance(5_100);
  await slow.run([workStep("s")]); // Its timer wakes the ticker: the next sweep would be a minute away.
  for (const runId of runs) {
    await until(async () => (await slow.engine.runs.get(NS, runId)).run.state === "failed");
  }
});
