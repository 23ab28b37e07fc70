import { describe, expect, test } from "vitest";
import type { Json } from "../../src/core/json.ts";
import type { NewTask, Task, TaskCommand } from "../../src/core/task.ts";
import {
  attemptDeadlineMs,
  leaseTimerAtMs,
  queueTimerAtMs,
  renewedUntilMs,
} from "../../src/core/task-times.ts";
import type { Failure } from "../../src/core/template-types.ts";
import {
  ASSIGNED,
  ATTEMPT_MS,
  ack,
  assign,
  complete,
  decide,
  FLAKY,
  fail,
  LAPSED,
  LEASE_MS,
  leaseTimer,
  made,
  NOW_MS,
  newTask,
  next,
  OFFER_MS,
  QUEUED,
  queue,
  RUNNING,
  release,
} from "./task-samples.ts";

const QUEUE_TIMER: TaskCommand = { type: "queue_timer" };
const RETRY = newTask().retry;

/** A running task with these timeouts beside the usual attempt's. */
function running(timeouts: Partial<NewTask["timeouts"]>): Task {
  return made(queue({ timeouts: { attemptMs: ATTEMPT_MS, ...timeouts } }), assign(), ack());
}

describe("the timer of a lease", () => {
  const total = running({ totalMs: 20_000 });
  const short = running({ attemptMs: 20_000 });

  test.each<[string, Task, number, boolean, string | undefined]>([
    ["an offer that holds", ASSIGNED, OFFER_MS - 1, false, undefined],
    ["an offer that ran out", ASSIGNED, OFFER_MS, false, "LEASE_EXPIRED"],
    ["a lease that was renewed by a commit", RUNNING, OFFER_MS, false, undefined],
    ["a lease that ran out", RUNNING, LEASE_MS, false, "LEASE_EXPIRED"],
    ["no progress", RUNNING, LEASE_MS, true, "NO_PROGRESS"],
    ["no progress while the lease holds", RUNNING, 1, true, "NO_PROGRESS"],
    ["an attempt in time", short, 19_999, false, undefined],
    ["an attempt out of time", short, 20_000, false, "TIMEOUT_ATTEMPT"],
    ["an attempt out of time, without progress", short, 20_000, true, "TIMEOUT_ATTEMPT"],
    ["a step in time", total, 19_999, false, undefined],
    ["a step out of time", total, 20_000, false, "TIMEOUT_TOTAL"],
  ])("%s", (_, task, afterMs, noProgress, reason) => {
    const nowMs = NOW_MS + afterMs;
    const { events } = decide(task, leaseTimer(1, noProgress), nowMs);
    expect(events).toHaveLength(reason === undefined ? 0 : 1);
    if (reason === undefined) return;
    const ended = next(task, leaseTimer(1, noProgress), nowMs);
    expect(ended.failure).toMatchObject({ reason, pointer: "/main/steps/0" });
    expect(ended.failure?.cause).toBeUndefined();
    expect(ended.state).toBe(reason === "TIMEOUT_TOTAL" ? "failed" : "retry_wait");
    expect(ended.lapsed).toEqual(task.lease);
  });

  test("says whether an offer or a lease ran out", () => {
    const nowMs = NOW_MS + LEASE_MS;
    const offered = next(ASSIGNED, leaseTimer(), nowMs).failure?.message;
    expect([offered, LAPSED.failure?.message]).toEqual([
      "the offer was not acknowledged",
      "the lease ran out",
    ]);
  });

  test("of an older lease, or of none, decides nothing", () => {
    const again = next(LAPSED, assign(), NOW_MS + LEASE_MS + 1_000);
    const nowMs = NOW_MS + 10 * ATTEMPT_MS;
    expect(decide(again, leaseTimer(1), nowMs).events).toEqual([]);
    expect(decide(LAPSED, leaseTimer(1), nowMs).events).toEqual([]);
    expect(decide(QUEUED, leaseTimer(0), nowMs).events).toEqual([]);
  });

  test("is due at the end of the lease, the attempt or the step, whichever comes first", () => {
    expect(leaseTimerAtMs(ASSIGNED)).toBe(NOW_MS + OFFER_MS);
    expect(leaseTimerAtMs(RUNNING)).toBe(NOW_MS + LEASE_MS);
    expect(leaseTimerAtMs(short)).toBe(NOW_MS + 20_000);
    expect(leaseTimerAtMs(total)).toBe(NOW_MS + 20_000);
    expect(leaseTimerAtMs(QUEUED)).toBeUndefined();
    expect(leaseTimerAtMs(LAPSED)).toBeUndefined();
  });

  test("is moved by beats: a lease on, within the heartbeat timeout, the attempt and the step", () => {
    const nowMs = NOW_MS + 15_000;
    expect(renewedUntilMs(RUNNING, nowMs, NOW_MS)).toBe(nowMs + LEASE_MS);
    expect(renewedUntilMs(short, nowMs, nowMs)).toBe(NOW_MS + 20_000);
    expect(renewedUntilMs(total, nowMs, nowMs)).toBe(NOW_MS + 20_000);
    const watched = running({ heartbeatMs: 40_000 });
    expect(renewedUntilMs(watched, nowMs, NOW_MS)).toBe(NOW_MS + 40_000);
    expect(renewedUntilMs(watched, nowMs, nowMs)).toBe(nowMs + LEASE_MS);
    expect(renewedUntilMs(ASSIGNED, nowMs, nowMs)).toBe(NOW_MS + OFFER_MS);
    expect(renewedUntilMs(QUEUED, nowMs, nowMs)).toBeUndefined();
  });
});

test("an attempt ends its time after the hand-out; before the first there is none", () => {
  expect(attemptDeadlineMs(QUEUED)).toBe(Number.POSITIVE_INFINITY);
  expect(attemptDeadlineMs(LAPSED)).toBe(NOW_MS + ATTEMPT_MS);
});

describe("the timer of the queue", () => {
  const waiting = made(queue({ timeouts: { attemptMs: 1_000, queuedMs: 5_000, totalMs: 20_000 } }));

  test("is due when nobody took it in time, or the step's time is over", () => {
    expect(queueTimerAtMs(waiting)).toBe(NOW_MS + 5_000);
    expect(queueTimerAtMs({ ...waiting, readyAtMs: NOW_MS + 18_000 })).toBe(NOW_MS + 20_000);
    expect(queueTimerAtMs(QUEUED)).toBeUndefined();
    expect(queueTimerAtMs(RUNNING)).toBeUndefined();
  });

  test.each<[string, Task, number, string | undefined]>([
    ["too early", waiting, 4_999, undefined],
    ["nobody took it", waiting, 5_000, "TIMEOUT_QUEUED"],
    ["the step's time is over", waiting, 20_000, "TIMEOUT_TOTAL"],
    ["it is held", RUNNING, 1e9, undefined],
    ["it may wait for ever", QUEUED, 1e12, undefined],
  ])("%s", (_, task, afterMs, reason) => {
    const nowMs = NOW_MS + afterMs;
    const ended = next(task, QUEUE_TIMER, nowMs);
    if (reason === undefined) expect(ended).toBe(task);
    else expect(ended).toMatchObject({ state: "failed", failure: { reason }, endedAtMs: nowMs });
  });

  test("ends a retry for good, with the last failure as its cause", () => {
    const task = made(queue({ timeouts: { attemptMs: 1_000, queuedMs: 5_000 } }), assign(), fail());
    const ended = next(task, QUEUE_TIMER, NOW_MS + 6_000);
    expect(ended.failure).toMatchObject({ reason: "TIMEOUT_QUEUED", cause: FLAKY });
    expect(() => decide(ended, complete())).toThrow("outcome_recorded");
  });
});

/** `templates.md`, rows retry and CEL. */
describe("retry", () => {
  type Retry = Partial<NewTask["retry"]>;

  /** What follows a failure of attempt `attempt` under this policy. */
  function failed(retry: Retry, failure: Failure, { attempt = 1, jitter = 1, totalMs = 0 } = {}) {
    const timeouts = { attemptMs: ATTEMPT_MS, ...(totalMs > 0 && { totalMs }) };
    const task = made(queue({ retry: { ...RETRY, ...retry }, timeouts }), assign(true));
    return next({ ...task, attempt }, fail(1, failure, jitter));
  }

  test.each<[string, Retry, Failure, Json]>([
    ["an error may be tried again", {}, FLAKY, "retry_wait"],
    ["not a permanent one", {}, { ...FLAKY, permanent: true }, "FLAKY"],
    ["not where retry_if is false", { retryIf: "error.reason != 'FLAKY'" }, FLAKY, "FLAKY"],
    ["where retry_if is true", { retryIf: "error.reason == 'FLAKY'" }, FLAKY, "retry_wait"],
    ["not where retry_if fails", { retryIf: "error.details.x == 1" }, FLAKY, "FLAKY"],
    ["not where retry_if is no bool", { retryIf: "error.attempt" }, FLAKY, "FLAKY"],
    [
      "retry_if reads the details",
      { retryIf: "error.details.x == 1" },
      { ...FLAKY, details: { x: 1 } },
      "retry_wait",
    ],
    [
      "retry_if reads everything about the error, and the values of the task",
      {
        retryIf:
          "error.message == 'again' && !error.permanent && error.attempt == 1 && error.step == 'simple' && error.details == null && input.n == 1",
      },
      FLAKY,
      "retry_wait",
    ],
    ["not after the last attempt", { maxAttempts: 1 }, FLAKY, "ATTEMPTS_EXHAUSTED"],
  ])("%s", (_, retry, failure, expected) => {
    const task = failed(retry, failure);
    expect(task.state === "failed" ? task.failure?.reason : task.state).toBe(expected);
    if (expected === "FLAKY") expect(task.failure).toEqual(failure);
    if (expected === "ATTEMPTS_EXHAUSTED") expect(task.failure?.cause).toEqual(failure);
  });

  test.each<[string, Retry, Failure, { attempt?: number; jitter?: number }, number]>([
    ["the first delay", {}, FLAKY, {}, 1_000],
    ["grows", { maxAttempts: 9 }, FLAKY, { attempt: 4 }, 8_000],
    ["up to its cap", { maxAttempts: 100 }, FLAKY, { attempt: 99 }, 300_000],
    ["without overflow", { maxAttempts: 100, multiplier: 1e9 }, FLAKY, { attempt: 99 }, 300_000],
    [
      "from nothing to nothing",
      { maxAttempts: 100, multiplier: 1e9, initialDelayMs: 0 },
      FLAKY,
      { attempt: 99 },
      0,
    ],
    ["with full jitter", {}, FLAKY, { jitter: 0.25 }, 250],
    ["down to nothing", {}, FLAKY, { jitter: 0 }, 0],
    ["in whole milliseconds", {}, FLAKY, { jitter: 1 / 3 }, 333],
    ["not before the agent asks for", {}, { ...FLAKY, retryAfterMs: 4_000 }, {}, 4_000],
    ["the longer one", {}, { ...FLAKY, retryAfterMs: 400 }, {}, 1_000],
    ["within a day", {}, { ...FLAKY, retryAfterMs: 1e12 }, {}, 86_400_000],
  ])("delay: %s", (_, retry, failure, options, delayMs) => {
    const task = failed(retry, failure, options);
    expect(task).toMatchObject({ state: "retry_wait", readyAtMs: NOW_MS + delayMs });
  });

  test("a retry that would come too late for the step is none", () => {
    expect(failed({}, FLAKY, { totalMs: 1_001 }).state).toBe("retry_wait");
    const late = failed({}, FLAKY, { totalMs: 1_000 });
    expect(late).toMatchObject({
      state: "failed",
      failure: { reason: "TIMEOUT_TOTAL", cause: FLAKY, pointer: "/main/steps/0" },
      outcome: { hash: "fail f" },
    });
  });

  test("counts leases that ran out: a task that kills its agents ends", () => {
    let task = QUEUED;
    let nowMs = NOW_MS;
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      task = next(task, assign(), nowMs);
      expect(task).toMatchObject({ attempt, leaseEpoch: attempt });
      nowMs += OFFER_MS;
      task = next(task, leaseTimer(attempt), nowMs);
      nowMs = Math.max(nowMs, task.readyAtMs);
    }
    expect(task).toMatchObject({
      state: "failed",
      failure: { reason: "ATTEMPTS_EXHAUSTED", cause: { reason: "LEASE_EXPIRED" } },
    });
  });

  test("a task given back again and again ends too", () => {
    let task = QUEUED;
    let handOuts = 0;
    while (task.state !== "failed") {
      task = next(task, assign(), task.readyAtMs);
      handOuts += 1;
      task = next(task, release(task.leaseEpoch), task.readyAtMs);
    }
    expect(handOuts).toBe(16 + 3);
    expect(task.failure).toMatchObject({ reason: "ATTEMPTS_EXHAUSTED" });
  });
});
