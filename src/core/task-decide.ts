import { Refused, unreachable } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Task, TaskCommand, TaskDecision, TaskEvent } from "./task.ts";
import { decideRelease } from "./task-release.ts";
import { decideAck, decideOutcome } from "./task-report.ts";
import { decideAfterFailure, engineFailure } from "./task-retry.ts";
import { isEnded, isHeld, isWaiting } from "./task-states.ts";
import { attemptDeadlineMs, leaseUntilMs, queueDeadlineMs, totalDeadlineMs } from "./task-times.ts";

type Command<T extends TaskCommand["type"]> = Extract<TaskCommand, { type: T }>;

/**
 * What happens if `command` reaches `task` at `nowMs`. Pure: same arguments,
 * same decision. No events and `duplicate`: the command is already true, or the
 * moment for it has passed; a hand-out without events is none. Callers who know
 * the id refuse a missing task first: here nothing names it.
 *
 * @throws {Refused} `not_found`, `lease_lost`, `outcome_recorded`
 */
export function decideTask(
  task: Task | undefined,
  command: TaskCommand,
  nowMs: number,
  limits: Limits,
): TaskDecision {
  if (command.type === "queue") {
    return decided(task === undefined ? [{ type: "queued", task: command.task }] : []);
  }
  if (task === undefined) throw new Refused({ code: "not_found", what: "task", id: "" });
  switch (command.type) {
    case "ack":
      return decideAck(task, command, nowMs);
    case "complete":
    case "fail":
    case "release":
      return decideOutcome(task, command, nowMs, limits);
    case "assign":
      return decided(decideAssign(task, command, nowMs));
    case "lease_timer":
      return decided(decideLeaseTimer(task, command, nowMs, limits));
    case "queue_timer":
      return decided(decideQueueTimer(task, nowMs));
    case "session_ended":
      return decided(decideSessionEnded(task, command, nowMs, limits));
    case "cancel":
      return decided(decideCancel(task, command, nowMs));
    case "cancel_timer":
      return decided(decideCancelTimer(task, nowMs));
    default:
      return unreachable(command);
  }
}

/** The hand-out. The attempt counts from here, so that a task that kills its agents runs out. */
function decideAssign(task: Task, command: Command<"assign">, nowMs: number): TaskEvent[] {
  if (!isWaiting(task) || nowMs < task.readyAtMs || nowMs >= totalDeadlineMs(task)) return [];
  const { agentId, sessionId, sessionEpoch, leaseMs, offerMs, acknowledge } = command;
  const untilMs = acknowledge ? leaseUntilMs(task, command, nowMs, nowMs) : nowMs + offerMs;
  return [
    {
      type: "assigned",
      attempt: task.attempt + 1,
      leaseEpoch: task.leaseEpoch + 1,
      lease: { agentId, sessionId, sessionEpoch, untilMs, leaseMs },
      acknowledged: acknowledge,
    },
  ];
}

function decideLeaseTimer(
  task: Task,
  { leaseEpoch, noProgress, jitter }: Command<"lease_timer">,
  nowMs: number,
  limits: Limits,
): TaskEvent[] {
  const { lease, cancel } = task;
  if (lease === undefined || task.leaseEpoch !== leaseEpoch) return [];
  const isTimedOut = nowMs >= Math.min(attemptDeadlineMs(task), totalDeadlineMs(task));
  if (!isTimedOut && !noProgress && nowMs < lease.untilMs) return [];
  if (cancel !== undefined) return [{ type: "cancelled", reason: cancel.reason }];
  if (nowMs >= totalDeadlineMs(task)) return [outOfTime(task)];
  const failure =
    nowMs >= attemptDeadlineMs(task) ? attemptTooLong(task) : silence(task, noProgress);
  return [decideAfterFailure(task, failure, { nowMs, limits, jitter, lapsed: true })];
}

function attemptTooLong(task: Task) {
  const message = `the attempt took longer than ${task.timeouts.attemptMs} ms`;
  return engineFailure(task, "TIMEOUT_ATTEMPT", message);
}

function silence(task: Task, noProgress: boolean) {
  if (noProgress)
    return engineFailure(task, "NO_PROGRESS", "the agent reported no progress in time");
  const message =
    task.state === "assigned" ? "the offer was not acknowledged" : "the lease ran out";
  return engineFailure(task, "LEASE_EXPIRED", message);
}

function outOfTime(task: Task): TaskEvent {
  const message = `the step took longer than ${task.timeouts.totalMs} ms`;
  return { type: "failed", failure: engineFailure(task, "TIMEOUT_TOTAL", message, task.failure) };
}

function decideQueueTimer(task: Task, nowMs: number): TaskEvent[] {
  if (!isWaiting(task)) return [];
  if (nowMs >= totalDeadlineMs(task)) return [outOfTime(task)];
  if (nowMs < queueDeadlineMs(task)) return [];
  const message = `no agent took it within ${task.timeouts.queuedMs} ms`;
  return [
    { type: "failed", failure: engineFailure(task, "TIMEOUT_QUEUED", message, task.failure) },
  ];
}

function decideSessionEnded(
  task: Task,
  { sessionId, reason, jitter }: Command<"session_ended">,
  nowMs: number,
  limits: Limits,
): TaskEvent[] {
  if (task.lease?.sessionId !== sessionId) return [];
  if (task.cancel !== undefined) return [{ type: "cancelled", reason: task.cancel.reason }];
  return [decideRelease(task, reason, nowMs, { nowMs, limits, jitter })];
}

/** A held task is cancelled when its holder reports, or its grace is over; any other at once. */
function decideCancel(task: Task, command: Command<"cancel">, nowMs: number): TaskEvent[] {
  const { graceMs, reason } = command;
  if (isEnded(task)) return [];
  if (!isHeld(task) || graceMs === undefined) return [{ type: "cancelled", reason }];
  if (task.cancel !== undefined) return [];
  return [{ type: "cancelling", deadlineMs: nowMs + graceMs, reason }];
}

function decideCancelTimer(task: Task, nowMs: number): TaskEvent[] {
  const { cancel } = task;
  if (cancel === undefined || isEnded(task) || nowMs < cancel.deadlineMs) return [];
  return [{ type: "cancelled", reason: cancel.reason }];
}

function decided(events: readonly TaskEvent[]): TaskDecision {
  return { events, disposition: events.length > 0 ? "recorded" : "duplicate" };
}
