import { describe, expect, test } from "vitest";
import type { Refusal } from "../../src/core/errors.ts";
import type { Task, TaskCommand, TaskEvent } from "../../src/core/task.ts";
import { toTaskChange } from "../../src/core/task-change.ts";
import { evolveTask, foldTask } from "../../src/core/task-fold.ts";
import { isEnded, isHeld, isWaiting, TASK_MOVES } from "../../src/core/task-states.ts";
import {
  ASSIGNED,
  ATTEMPT_MS,
  ack,
  assign,
  cancel,
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
  sessionEnded,
} from "./task-samples.ts";

const LATER_MS = NOW_MS + LEASE_MS;
const RETRYING = next(RUNNING, fail());
const SUCCEEDED = next(RUNNING, complete());
const FAILED = next(RUNNING, fail(1, { ...FLAKY, permanent: true }));
const CANCELLED = next(RUNNING, cancel());
const CANCELLING = next(RUNNING, cancel(5_000));
/** Handed out twice: epoch 2 is current. */
const AGAIN = next(LAPSED, assign(true, "b"), LATER_MS + 1_000);

/** What a command does: its disposition and events, or its refusal. */
function outcome(task: Task | undefined, command: TaskCommand, nowMs = NOW_MS): string {
  try {
    const { disposition, events } = decide(task, command, nowMs);
    return [disposition, ...events.map((event) => event.type)].join(" ");
  } catch (error) {
    return (error as { refusal: Refusal }).refusal.code;
  }
}

function refusal(task: Task, command: TaskCommand): Refusal | undefined {
  try {
    decide(task, command);
    return undefined;
  } catch (error) {
    return (error as { refusal: Refusal }).refusal;
  }
}

describe("queueing and handing out", () => {
  test("a new task waits, unattempted", () => {
    expect(QUEUED).toEqual({
      ...newTask(),
      state: "queued",
      attempt: 0,
      leaseEpoch: 0,
      releases: 0,
      createdAtMs: NOW_MS,
      readyAtMs: NOW_MS,
    });
    expect(outcome(QUEUED, queue())).toBe("duplicate");
    expect(outcome(undefined, assign())).toBe("not_found");
  });

  test("a hand-out counts the attempt and raises the epoch; the offer is short", () => {
    expect(ASSIGNED).toMatchObject({
      state: "assigned",
      attempt: 1,
      leaseEpoch: 1,
      agentId: "a",
      sessionId: "session-a",
      startedAtMs: NOW_MS,
      lease: { agentId: "a", sessionEpoch: 1, untilMs: NOW_MS + OFFER_MS, leaseMs: LEASE_MS },
    });
  });

  test("acknowledged at the hand-out it runs under a full lease", () => {
    expect(next(QUEUED, assign(true))).toEqual(RUNNING);
    expect(RUNNING).toMatchObject({ state: "running", lease: { untilMs: NOW_MS + LEASE_MS } });
    const watched = made(queue({ timeouts: { attemptMs: ATTEMPT_MS, heartbeatMs: 7_000 } }));
    expect(next(watched, assign(true)).lease?.untilMs).toBe(NOW_MS + 7_000);
    expect(next(next(watched, assign()), ack()).lease?.untilMs).toBe(NOW_MS + 7_000);
  });

  test("the next hand-out raises both again and forgets what the last left open", () => {
    expect(AGAIN).toMatchObject({ attempt: 2, leaseEpoch: 2, agentId: "b", state: "running" });
    expect(AGAIN.lapsed).toBeUndefined();
    expect(AGAIN.failure?.reason).toBe("LEASE_EXPIRED");
    expect(next(RETRYING, assign(), NOW_MS + 1_000).outcome).toBeUndefined();
  });

  test.each<[string, Task, number]>([
    ["is held", ASSIGNED, NOW_MS],
    ["runs", RUNNING, NOW_MS],
    ["waits for its delay", RETRYING, NOW_MS + 999],
    ["succeeded", SUCCEEDED, NOW_MS],
    ["failed", FAILED, NOW_MS],
    ["is cancelled", CANCELLED, NOW_MS],
    ["is out of time", made(queue({ timeouts: { attemptMs: 1, totalMs: 5 } })), NOW_MS + 5],
  ])("a task that %s is not handed out", (_, task, nowMs) => {
    expect(outcome(task, assign(), nowMs)).toBe("duplicate");
  });
});

describe("acknowledging", () => {
  const late = NOW_MS + LEASE_MS;
  test.each<[string, Task, TaskCommand, number, string]>([
    ["an offer", ASSIGNED, ack(), NOW_MS, "recorded acknowledged"],
    ["again", RUNNING, ack(), NOW_MS, "duplicate"],
    ["an offer that ran out", LAPSED, ack(), late, "recorded acknowledged"],
    ["an attempt whose time is over", LAPSED, ack(), NOW_MS + ATTEMPT_MS, "lease_lost"],
    ["after the next hand-out", AGAIN, ack(1), late, "lease_lost"],
    ["an epoch to come", ASSIGNED, ack(2), NOW_MS, "lease_lost"],
    ["what nobody was handed", QUEUED, ack(0), NOW_MS, "lease_lost"],
    ["after its own report", RETRYING, ack(), NOW_MS, "outcome_recorded"],
    ["after its completion", SUCCEEDED, ack(), NOW_MS, "outcome_recorded"],
    ["while it is cancelled", CANCELLING, ack(), NOW_MS, "late"],
    ["after it was cancelled", CANCELLED, ack(), NOW_MS, "late"],
    ["after its session ended", next(ASSIGNED, sessionEnded()), ack(), NOW_MS, "lease_lost"],
    ["after it failed for good", exhausted(), ack(), NOW_MS, "lease_lost"],
  ])("%s", (_, task, command, nowMs, expected) => {
    expect(outcome(task, command, nowMs)).toBe(expected);
  });

  test("an attempt taken up again goes on under its old epoch and deadline", () => {
    const again = next(LAPSED, ack(), LATER_MS);
    expect(again).toMatchObject({
      state: "running",
      attempt: 1,
      leaseEpoch: 1,
      startedAtMs: NOW_MS,
      lease: { agentId: "a", untilMs: LATER_MS + LEASE_MS },
    });
    expect(again.lapsed).toBeUndefined();
  });
});

/** The table of semantics S2, for each report that ends an attempt. */
describe("reports", () => {
  const after: Readonly<Record<string, string>> = {
    complete: "succeeded",
    fail: "retrying",
    release: "released",
  };
  const gone = next(RUNNING, sessionEnded());
  const dead = exhausted();
  const cancelledLapsed = next(LAPSED, cancel());

  for (const report of [complete, fail, release]) {
    const { type } = report();
    describe(type, () => {
      test.each<[string, Task, number, string]>([
        ["of the holder", RUNNING, 1, `recorded ${after[type]}`],
        ["without an ack", ASSIGNED, 1, `recorded ${after[type]}`],
        ["after the lease ran out", LAPSED, 1, `recorded ${after[type]}`],
        ["after the next hand-out", AGAIN, 1, "lease_lost"],
        ["of the present holder", AGAIN, 2, `recorded ${after[type]}`],
        ["under an epoch to come", RUNNING, 2, "lease_lost"],
        ["before any hand-out", QUEUED, 0, "lease_lost"],
        ["after its session ended", gone, 1, "lease_lost"],
        ["after all attempts ran out", dead, 1, "outcome_recorded"],
        ["while it is being cancelled", CANCELLING, 1, "late late_report cancelled"],
        ["after it was cancelled", CANCELLED, 1, "late late_report"],
        ["after it was cancelled while open", cancelledLapsed, 1, "late late_report"],
        ["cancelled, under an older epoch", next(AGAIN, cancel()), 1, "lease_lost"],
        ["cancelled before any hand-out", next(QUEUED, cancel()), 0, "lease_lost"],
      ])("%s", (_, task, leaseEpoch, expected) => {
        expect(outcome(task, report(leaseEpoch))).toBe(expected);
      });

      test.each([RUNNING, ASSIGNED, LAPSED, CANCELLING, CANCELLED])(
        "the same again is a duplicate, another is refused (%#)",
        (task) => {
          const reported = next(task, report());
          expect(outcome(reported, report())).toBe("duplicate");
          expect(outcome(reported, { ...report(), hash: "x" } as TaskCommand)).toBe(
            "outcome_recorded",
          );
          const others = [complete(), fail(), release()].filter((other) => other.type !== type);
          for (const other of others) {
            const same = { ...other, hash: (report() as { hash: string }).hash } as TaskCommand;
            expect(outcome(reported, same)).toBe("outcome_recorded");
          }
        },
      );
    });
  }

  test("the same words under an older epoch are lost, not duplicates", () => {
    const again = next(RETRYING, assign(), NOW_MS + 1_000);
    expect(outcome(again, fail())).toBe("lease_lost");
  });

  test("a lost lease reads who holds the task now", () => {
    expect(refusal(AGAIN, complete())).toEqual({
      code: "lease_lost",
      taskId: "t1",
      leaseEpoch: 2,
      agentId: "b",
    });
    expect(refusal(gone, complete())).toEqual({ code: "lease_lost", taskId: "t1", leaseEpoch: 0 });
  });

  test("a completion after the lease ran out ends the task", () => {
    const done = next(LAPSED, complete(), LATER_MS);
    expect(done).toMatchObject({ state: "succeeded", attempt: 1, endedAtMs: LATER_MS });
    expect(done).toMatchObject({ outcome: { leaseEpoch: 1, hash: "complete c" } });
    expect([done.lease, done.lapsed]).toEqual([undefined, undefined]);
  });

  test("a failure after the lease ran out replaces the engine's own", () => {
    const failed = next(LAPSED, fail(), LATER_MS + 500);
    expect(failed).toMatchObject({ failure: FLAKY, readyAtMs: LATER_MS + 1_500, attempt: 1 });
    expect(failed.lapsed).toBeUndefined();
  });

  test("a late report keeps its failure and the cancellation", () => {
    expect(decide(CANCELLING, fail()).events).toEqual([
      { type: "late_report", leaseEpoch: 1, report: "fail", hash: "fail f", failure: FLAKY },
      { type: "cancelled", reason: "not needed" },
    ]);
    expect(next(CANCELLING, fail())).toMatchObject({ state: "cancelled" });
    expect(next(CANCELLED, fail()).failure).toBeUndefined();
  });
});

describe("giving back", () => {
  test("gives the attempt back and queues the task at once", () => {
    const released = next(RUNNING, release());
    expect(released).toMatchObject({ state: "queued", attempt: 0, leaseEpoch: 1, releases: 1 });
    expect(released).toMatchObject({ readyAtMs: NOW_MS, agentId: "a" });
    expect(released.lease).toBeUndefined();
    expect(next(released, assign())).toMatchObject({ attempt: 1, leaseEpoch: 2 });
  });

  test("not before the time asked for, at most a day from now", () => {
    const later = next(RUNNING, release(1, NOW_MS + 5));
    expect(later).toMatchObject({ state: "retry_wait", readyAtMs: NOW_MS + 5 });
    expect(next(RUNNING, release(1, NOW_MS + 1e12)).readyAtMs).toBe(NOW_MS + 86_400_000);
  });

  test("sixteen times; the seventeenth costs the attempt", () => {
    const often = { ...RUNNING, releases: 15 };
    expect(next(often, release())).toMatchObject({ releases: 16, attempt: 0 });
    const tooOften = { ...RUNNING, releases: 16 };
    expect(next(tooOften, release())).toMatchObject({
      state: "retry_wait",
      attempt: 1,
      releases: 16,
      failure: { reason: "RELEASED", message: "given back more than 16 times: busy" },
      outcome: { hash: "release r" },
    });
    const last = { ...tooOften, attempt: 3 };
    expect(next(last, release()).failure).toMatchObject({
      reason: "ATTEMPTS_EXHAUSTED",
      cause: { reason: "RELEASED" },
    });
    const silent: TaskCommand = {
      type: "release",
      leaseEpoch: 1,
      hash: "r",
      notBeforeMs: 0,
      reason: "",
      jitter: 0,
    };
    expect(next(tooOften, silent).failure?.message).toBe("given back more than 16 times");
  });

  test("the end of its session gives back what a session holds, and nothing else", () => {
    expect(next(RUNNING, sessionEnded())).toMatchObject({
      state: "queued",
      attempt: 0,
      releases: 1,
    });
    expect(next(ASSIGNED, sessionEnded())).toMatchObject({ state: "queued" });
    expect(outcome(RUNNING, sessionEnded("session-b"))).toBe("duplicate");
    expect(outcome(QUEUED, sessionEnded())).toBe("duplicate");
    expect(outcome(LAPSED, sessionEnded())).toBe("duplicate");
    expect(outcome(CANCELLING, sessionEnded())).toBe("recorded cancelled");
    const tooOften = next({ ...RUNNING, releases: 16 }, sessionEnded());
    expect(tooOften).toMatchObject({ state: "retry_wait", attempt: 1 });
    expect(outcome(tooOften, complete())).toBe("lease_lost");
  });
});

describe("cancelling", () => {
  test.each<[string, Task, TaskCommand, string]>([
    ["a waiting task ends at once", QUEUED, cancel(5_000), "recorded cancelled"],
    ["so does one that waits for a retry", RETRYING, cancel(5_000), "recorded cancelled"],
    ["an offered one gets its grace", ASSIGNED, cancel(5_000), "recorded cancelling"],
    ["a running one too", RUNNING, cancel(5_000), "recorded cancelling"],
    ["none without grace", RUNNING, cancel(), "recorded cancelled"],
    ["again changes nothing", CANCELLING, cancel(1), "duplicate"],
    ["again, without grace, ends it", CANCELLING, cancel(), "recorded cancelled"],
    ["not what succeeded", SUCCEEDED, cancel(), "duplicate"],
    ["not what failed", FAILED, cancel(), "duplicate"],
    ["not what is cancelled", CANCELLED, cancel(), "duplicate"],
  ])("%s", (_, task, command, expected) => {
    expect(outcome(task, command)).toBe(expected);
  });

  test("the grace ends by its timer", () => {
    const timer: TaskCommand = { type: "cancel_timer" };
    expect(CANCELLING.cancel).toEqual({ deadlineMs: NOW_MS + 5_000, reason: "not needed" });
    expect(outcome(CANCELLING, timer, NOW_MS + 4_999)).toBe("duplicate");
    const ended = next(CANCELLING, timer, NOW_MS + 5_000);
    expect(ended).toMatchObject({ state: "cancelled", endedAtMs: NOW_MS + 5_000 });
    expect(outcome(ended, timer, NOW_MS + 9_000)).toBe("duplicate");
    expect(outcome(RUNNING, timer)).toBe("duplicate");
  });

  test("a lease that runs out meanwhile ends it early", () => {
    const long = next(ASSIGNED, cancel(600_000));
    expect(outcome(long, leaseTimer(), NOW_MS + OFFER_MS - 1)).toBe("duplicate");
    expect(outcome(long, leaseTimer(), NOW_MS + OFFER_MS)).toBe("recorded cancelled");
  });
});

describe("the journal's view of a task", () => {
  function change(task: Task | undefined, command: TaskCommand, nowMs = NOW_MS) {
    const [event] = decide(task, command, nowMs).events;
    if (event === undefined) throw new Error("nothing happened");
    return toTaskChange(task, event, evolveTask(task, event, nowMs));
  }

  test("a new task comes as a whole", () => {
    expect(change(undefined, queue())).toEqual({
      type: "task_changed",
      taskId: "t1",
      stepPath: "draft/simple",
      to: "queued",
      attempt: 0,
      leaseEpoch: 0,
      readyAtMs: NOW_MS,
      task: newTask(),
    });
  });

  const holder = { agentId: "a", sessionId: "session-a", leaseEpoch: 1 };
  test.each<[string, object, object]>([
    ["a hand-out", change(QUEUED, assign()), { from: "queued", to: "assigned", attempt: 1 }],
    ["an ack", change(ASSIGNED, ack()), { from: "assigned", to: "running", attempt: 1 }],
    [
      "a success",
      change(RUNNING, complete()),
      { from: "running", to: "succeeded", attempt: 1, disposition: "recorded" },
    ],
    [
      "a retry",
      change(RUNNING, fail()),
      {
        from: "running",
        to: "retry_wait",
        attempt: 1,
        failure: FLAKY,
        readyAtMs: NOW_MS + 1_000,
        disposition: "recorded",
      },
    ],
    [
      "a release",
      change(RUNNING, release()),
      { from: "running", to: "queued", attempt: 0, readyAtMs: NOW_MS, disposition: "recorded" },
    ],
    [
      "the end of a session",
      change(RUNNING, sessionEnded()),
      { from: "running", to: "queued", attempt: 0, readyAtMs: NOW_MS },
    ],
    [
      "a failure for good",
      change(RUNNING, fail(1, { ...FLAKY, permanent: true })),
      {
        from: "running",
        to: "failed",
        attempt: 1,
        failure: { ...FLAKY, permanent: true },
        disposition: "recorded",
      },
    ],
    [
      "a cancellation with grace",
      change(RUNNING, cancel(5_000)),
      {
        from: "running",
        to: "running",
        attempt: 1,
        cancel: { deadlineMs: NOW_MS + 5_000, reason: "not needed" },
      },
    ],
    ["a cancellation", change(RUNNING, cancel()), { from: "running", to: "cancelled", attempt: 1 }],
    [
      "a late failure",
      change(CANCELLED, fail()),
      {
        from: "cancelled",
        to: "cancelled",
        attempt: 1,
        late: true,
        disposition: "late",
        failure: FLAKY,
      },
    ],
    [
      "a late success",
      change(CANCELLED, complete()),
      { from: "cancelled", to: "cancelled", attempt: 1, late: true, disposition: "late" },
    ],
  ])("%s", (_, given, expected) => {
    expect(given).toEqual({
      type: "task_changed",
      taskId: "t1",
      stepPath: "draft/simple",
      ...holder,
      ...expected,
    });
  });
});

test("every state is held, waiting or ended, and never two of them", () => {
  for (const state of Object.keys(TASK_MOVES) as Task["state"][]) {
    const kinds = [isHeld({ state }), isWaiting({ state }), isEnded({ state })];
    expect(kinds.filter(Boolean)).toHaveLength(1);
  }
});

test("a fold that makes no sense is a bug, not a refusal", () => {
  const done: TaskEvent = { type: "succeeded", hash: "" };
  expect(() => foldTask(undefined, [done], 0)).toThrow("never queued");
  const acked: TaskEvent = { type: "acknowledged", untilMs: 0 };
  expect(() => evolveTask(QUEUED, acked, 0)).toThrow("never handed out");
  expect(() => evolveTask(QUEUED, { type: "?" } as never, 0)).toThrow("unreachable");
  expect(() => decide(QUEUED, { type: "?" } as never)).toThrow("unreachable");
});

/** All attempts ran out, none of them reported. */
function exhausted(): Task {
  return next({ ...RUNNING, attempt: 3 }, leaseTimer(), LATER_MS);
}
