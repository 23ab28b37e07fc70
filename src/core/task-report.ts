import { Refused } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Task, TaskCommand, TaskDecision, TaskEvent } from "./task.ts";
import { decideRelease } from "./task-release.ts";
import { decideAfterFailure } from "./task-retry.ts";
import { isHeld } from "./task-states.ts";
import { attemptDeadlineMs, leaseUntilMs, totalDeadlineMs } from "./task-times.ts";

type Ack = Extract<TaskCommand, { type: "ack" }>;
type Outcome = Extract<TaskCommand, { type: "complete" | "fail" | "release" }>;

/**
 * A report that ends an attempt. It must come from the latest hand-out: one
 * that ran out without a report still counts until the next.
 */
export function decideOutcome(
  task: Task,
  report: Outcome,
  nowMs: number,
  limits: Limits,
): TaskDecision {
  fence(task, report.leaseEpoch);
  if (task.outcome?.hash === recorded(report)) return { events: [], disposition: "duplicate" };
  if (task.outcome !== undefined) throw outcomeRecorded(task);
  if (task.lease === undefined && task.lapsed === undefined) throw leaseLost(task);
  if (task.cancel !== undefined || task.state === "cancelled") return decideLate(task, report);
  if (task.state === "failed") throw outcomeRecorded(task);
  return { events: [outcomeOf(task, report, nowMs, limits)], disposition: "recorded" };
}

/** The holder accepts the task: the offer becomes a lease. */
export function decideAck(task: Task, { leaseEpoch }: Ack, nowMs: number): TaskDecision {
  fence(task, leaseEpoch);
  if (task.outcome !== undefined) throw outcomeRecorded(task);
  const lease = task.lease ?? task.lapsed;
  if (lease === undefined || task.state === "failed") throw leaseLost(task);
  if (task.cancel !== undefined || task.state === "cancelled") {
    return { events: [], disposition: "late" };
  }
  if (task.state === "running") return { events: [], disposition: "duplicate" };
  const isOver = nowMs >= Math.min(attemptDeadlineMs(task), totalDeadlineMs(task));
  if (isOver) throw leaseLost(task);
  const untilMs = leaseUntilMs(task, lease, nowMs, nowMs);
  return { events: [{ type: "acknowledged", untilMs }], disposition: "recorded" };
}

function outcomeOf(task: Task, report: Outcome, nowMs: number, limits: Limits): TaskEvent {
  const hash = recorded(report);
  if (report.type === "complete") return { type: "succeeded", hash };
  const end = { nowMs, limits, jitter: report.jitter, hash };
  return report.type === "fail"
    ? decideAfterFailure(task, report.failure, end)
    : decideRelease(task, report.reason, report.notBeforeMs, end);
}

/** Its run needs the task no more: the report is noted, and nobody holds the task any longer. */
function decideLate(task: Task, report: Outcome): TaskDecision {
  const noted: TaskEvent = {
    type: "late_report",
    leaseEpoch: report.leaseEpoch,
    report: report.type,
    hash: recorded(report),
    ...(report.type === "fail" && { failure: report.failure }),
  };
  const reason = task.cancel?.reason ?? "";
  const events: TaskEvent[] = isHeld(task) ? [noted, { type: "cancelled", reason }] : [noted];
  return { events, disposition: "late" };
}

/** What tells this report from another: an output can read like a failure. */
function recorded({ type, hash }: Outcome): string {
  return `${type} ${hash}`;
}

function fence(task: Task, leaseEpoch: number): void {
  if (leaseEpoch !== task.leaseEpoch) throw leaseLost(task);
}

/** The reporter's lease is over; it reads who holds the task now, and epoch 0 if nobody does. */
function leaseLost(task: Task): Refused {
  const { taskId, lease, leaseEpoch } = task;
  return lease === undefined
    ? new Refused({ code: "lease_lost", taskId, leaseEpoch: 0 })
    : new Refused({ code: "lease_lost", taskId, leaseEpoch, agentId: lease.agentId });
}

function outcomeRecorded({ taskId }: Task): Refused {
  return new Refused({ code: "outcome_recorded", taskId });
}
