import fc from "fast-check";
import { expect, test } from "vitest";
import { Refused } from "../../src/core/errors.ts";
import { limitsWith } from "../../src/core/limits.ts";
import type { Task, TaskCommand, TaskDecision, TaskEvent } from "../../src/core/task.ts";
import { decideTask } from "../../src/core/task-decide.ts";
import { evolveTask, foldTask } from "../../src/core/task-fold.ts";
import { isEnded, isHeld, isWaiting, TASK_MOVES } from "../../src/core/task-states.ts";
import { leaseTimerAtMs, queueTimerAtMs } from "../../src/core/task-times.ts";
import { assign, newTask } from "./task-samples.ts";

const LIMITS = limitsWith({ releases: 2 });
const ENDS: readonly TaskEvent["type"][] = ["succeeded", "failed", "cancelled"];

const leaseEpoch = fc.integer({ min: 0, max: 6 });
const hash = fc.constantFrom("x", "y");
const jitter = fc.double({ min: 0, max: 1, noNaN: true });
const agentId = fc.constantFrom("a", "b");
const type = <T extends TaskCommand["type"]>(name: T) => fc.constant(name);

const task = fc
  .record({
    maxAttempts: fc.integer({ min: 1, max: 4 }),
    totalMs: fc.option(fc.integer({ min: 1, max: 200_000 }), { nil: undefined }),
    queuedMs: fc.option(fc.integer({ min: 1, max: 50_000 }), { nil: undefined }),
    heartbeatMs: fc.option(fc.integer({ min: 1, max: 50_000 }), { nil: undefined }),
  })
  .map(({ maxAttempts, ...given }) =>
    newTask({
      retry: { maxAttempts, initialDelayMs: 1_000, multiplier: 2, maxDelayMs: 5_000 },
      timeouts: {
        attemptMs: 40_000,
        ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      },
    }),
  );

/** Commands that mostly name the present lease: `epochOff` is added to it. */
type Drawn = { readonly command: TaskCommand; readonly epochOff: number; readonly stepMs: number };
const command: fc.Arbitrary<TaskCommand> = fc.oneof(
  agentId.chain((id) => fc.boolean().map((acknowledge) => assign(acknowledge, id))),
  fc.record({ type: type("ack"), leaseEpoch }),
  fc.record({ type: type("complete"), leaseEpoch, hash }),
  fc.record({
    type: type("fail"),
    leaseEpoch,
    hash,
    jitter,
    failure: fc.record({
      reason: fc.constant("FLAKY"),
      message: fc.constant(""),
      permanent: fc.nat({ max: 4 }).map((n) => n === 0),
    }),
  }),
  fc.record({
    type: type("release"),
    leaseEpoch,
    hash,
    jitter,
    notBeforeMs: fc.nat({ max: 100_000 }),
    reason: fc.constant(""),
  }),
  fc.record({ type: type("lease_timer"), leaseEpoch, noProgress: fc.constant(false), jitter }),
  fc.record({ type: type("queue_timer") }),
  fc.record({
    type: type("session_ended"),
    sessionId: agentId.map((id) => `session-${id}`),
    reason: fc.constant(""),
    jitter,
  }),
  fc.record(
    { type: type("cancel"), graceMs: fc.nat({ max: 10_000 }), reason: fc.constant("") },
    { requiredKeys: ["type", "reason"] },
  ),
  fc.record({ type: type("cancel_timer") }),
);
const history: fc.Arbitrary<readonly Drawn[]> = fc.array(
  fc.record({
    command,
    epochOff: fc.constantFrom(0, 0, 0, 0, -1, 1),
    stepMs: fc.oneof(fc.constant(0), fc.nat({ max: 20_000 })),
  }),
  { maxLength: 60 },
);

function decide(before: Task, given: TaskCommand, nowMs: number): TaskDecision | undefined {
  try {
    return decideTask(before, given, nowMs, LIMITS);
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

test("whatever comes, the invariants I1 to I5, I11 and I17 hold, and a repeated command changes nothing more", () => {
  fc.assert(
    fc.property(task, history, (made, drawn) => {
      let now = foldTask(undefined, [{ type: "queued", task: made }], 0);
      let nowMs = 0;
      const seen: TaskEvent[] = [];
      for (const { command: base, epochOff, stepMs } of drawn) {
        nowMs += stepMs;
        const isFenced = "leaseEpoch" in base;
        const given = isFenced ? { ...base, leaseEpoch: now.leaseEpoch + epochOff } : base;
        const events = decide(now, given, nowMs)?.events ?? [];
        if (events.length === 0) continue;
        expect(isFenced && epochOff !== 0, "a foreign lease had an effect").toBe(false);
        for (const event of events) {
          const after = evolveTask(now, event, nowMs);
          holds(now, event, after, seen);
          seen.push(event);
          now = after;
        }
        expect(decide(now, given, nowMs)?.events ?? []).toEqual([]);
      }
    }),
    { numRuns: 2_000 },
  );
});

/** The invariants of semantics section 5 that concern one task. */
function holds(now: Task, event: TaskEvent, after: Task, seen: readonly TaskEvent[]): void {
  const epochs = seen.flatMap((e) => (e.type === "assigned" ? [e.leaseEpoch] : []));
  const last = Math.max(0, ...epochs);
  expect(TASK_MOVES[now.state]).toContain(after.state); // I17
  expect(after.attempt).toBeLessThanOrEqual(after.retry.maxAttempts); // I11
  if (event.type === "assigned") {
    expect(isWaiting(now)).toBe(true); // I3, I5
    expect(event.leaseEpoch).toBeGreaterThan(last); // I2
  }
  if (ENDS.includes(event.type)) {
    expect(seen.filter(({ type: name }) => ENDS.includes(name))).toEqual([]); // I1
    expect(after.leaseEpoch).toBe(last); // I4
  }
  isWhole(after);
}

test("left alone with agents that only take it, every task ends", () => {
  const turn = fc.record({ acknowledge: fc.boolean(), jitter });
  fc.assert(
    fc.property(task, fc.array(turn, { minLength: 1 }), (made, turns) => {
      let now = foldTask(undefined, [{ type: "queued", task: made }], 0);
      let nowMs = 0;
      for (let n = 0; !isEnded(now); n += 1) {
        expect(n).toBeLessThan(20);
        const { acknowledge = false, jitter: drawn = 0 } = turns[n % turns.length] ?? {};
        nowMs = Math.max(nowMs, now.readyAtMs, leaseTimerAtMs(now) ?? 0);
        const isOut = nowMs >= (queueTimerAtMs(now) ?? Number.POSITIVE_INFINITY);
        const waiting: TaskCommand = isOut ? { type: "queue_timer" } : assign(acknowledge);
        const given: TaskCommand = isHeld(now)
          ? { type: "lease_timer", leaseEpoch: now.leaseEpoch, noProgress: false, jitter: drawn }
          : waiting;
        now = foldTask(now, decideTask(now, given, nowMs, LIMITS).events, nowMs);
      }
      expect(now.state).toBe("failed");
      expect(now.attempt).toBeLessThanOrEqual(made.retry.maxAttempts);
    }),
  );
});

/** A lease exactly while it is held, one timer while it is open, an end exactly once ended. */
function isWhole(now: Task): void {
  expect(now.lease !== undefined).toBe(isHeld(now));
  expect(leaseTimerAtMs(now) !== undefined).toBe(isHeld(now));
  expect(now.endedAtMs !== undefined).toBe(isEnded(now));
  if (now.lapsed !== undefined) expect(isHeld(now)).toBe(false);
  if (queueTimerAtMs(now) !== undefined) expect(isWaiting(now)).toBe(true);
  if (now.outcome !== undefined) expect(now.outcome.leaseEpoch).toBe(now.leaseEpoch);
  if (now.cancel !== undefined) expect(isWaiting(now)).toBe(false);
}
