import { limitsWith } from "../../src/core/limits.ts";
import type { NewTask, Task, TaskCommand, TaskDecision } from "../../src/core/task.ts";
import { decideTask } from "../../src/core/task-decide.ts";
import { foldTask } from "../../src/core/task-fold.ts";
import type { Failure } from "../../src/core/template-types.ts";

export const NOW_MS = 1_000_000;
export const LEASE_MS = 30_000;
export const OFFER_MS = 10_000;
export const ATTEMPT_MS = 300_000;
export const LIMITS = limitsWith();

export function newTask(change: Partial<NewTask> = {}): NewTask {
  return {
    taskId: "t1",
    runId: "r1",
    stepPath: "draft/simple",
    templateId: "report",
    templateVersion: "1.0.0",
    labels: { team: "b" },
    taskKey: "k1",
    traceparent: "",
    selector: { capability: "write" },
    capability: "write",
    values: { input: { n: 1 } },
    priority: 5,
    retry: { maxAttempts: 3, initialDelayMs: 1_000, multiplier: 2, maxDelayMs: 300_000 },
    timeouts: { attemptMs: ATTEMPT_MS },
    pointer: "/main/steps/0",
    ...change,
  };
}

export function queue(change: Partial<NewTask> = {}): TaskCommand {
  return { type: "queue", task: newTask(change) };
}

export function assign(acknowledge = false, holder = "a"): TaskCommand {
  return {
    type: "assign",
    agentId: holder,
    sessionId: `session-${holder}`,
    sessionEpoch: 1,
    leaseMs: LEASE_MS,
    offerMs: OFFER_MS,
    acknowledge,
  };
}

export function ack(leaseEpoch = 1): TaskCommand {
  return { type: "ack", leaseEpoch };
}

export function complete(leaseEpoch = 1, hash = "c"): TaskCommand {
  return { type: "complete", leaseEpoch, hash };
}

export const FLAKY: Failure = { reason: "FLAKY", message: "again" };

export function fail(
  leaseEpoch = 1,
  failure = FLAKY,
  jitter = 1,
): Extract<TaskCommand, { type: "fail" }> {
  return { type: "fail", leaseEpoch, hash: "f", failure, jitter };
}

export function release(leaseEpoch = 1, notBeforeMs = 0): TaskCommand {
  return { type: "release", leaseEpoch, hash: "r", notBeforeMs, reason: "busy", jitter: 1 };
}

export function leaseTimer(leaseEpoch = 1, noProgress = false): TaskCommand {
  return { type: "lease_timer", leaseEpoch, noProgress, jitter: 1 };
}

export function sessionEnded(sessionId = "session-a"): TaskCommand {
  return { type: "session_ended", sessionId, reason: "superseded", jitter: 1 };
}

export function cancel(graceMs?: number): TaskCommand {
  return { type: "cancel", reason: "not needed", ...(graceMs !== undefined && { graceMs }) };
}

export function decide(task: Task | undefined, command: TaskCommand, nowMs = NOW_MS): TaskDecision {
  return decideTask(task, command, nowMs, LIMITS);
}

/** The task after `command`, which must be accepted. */
export function next(task: Task | undefined, command: TaskCommand, nowMs = NOW_MS): Task {
  return foldTask(task, decide(task, command, nowMs).events, nowMs);
}

/** The task after these commands, all at the same time. */
export function made(...commands: readonly TaskCommand[]): Task {
  const last = commands.reduce<Task | undefined>((task, command) => next(task, command), undefined);
  if (last === undefined) throw new Error("no commands");
  return last;
}

export const QUEUED: Task = made(queue());
export const ASSIGNED: Task = next(QUEUED, assign());
export const RUNNING: Task = next(ASSIGNED, ack());
/** Its lease ran out unreported: attempt 1 of 3 is not over, the next comes 1 s later. */
export const LAPSED: Task = next(RUNNING, leaseTimer(), NOW_MS + LEASE_MS);
