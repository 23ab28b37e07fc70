import type { Task, TaskLease } from "./task.ts";
import { isWaiting } from "./task-states.ts";

/** When the timer of a held task is due: its lease, its attempt or the step's time is over. */
export function leaseTimerAtMs(task: Task): number | undefined {
  if (task.lease === undefined) return undefined;
  return Math.min(task.lease.untilMs, attemptDeadlineMs(task), totalDeadlineMs(task));
}

/** When the timer of a waiting task is due; `undefined` if it may wait for ever. */
export function queueTimerAtMs(task: Task): number | undefined {
  if (!isWaiting(task)) return undefined;
  const dueAtMs = Math.min(queueDeadlineMs(task), totalDeadlineMs(task));
  return dueAtMs === Number.POSITIVE_INFINITY ? undefined : dueAtMs;
}

/**
 * Where a heartbeat moves the timer of a held task: a lease from now, but not
 * beyond the longest silence about its progress. An offer is not prolonged: it
 * ends by its ack.
 */
export function renewedUntilMs(
  task: Task,
  nowMs: number,
  lastProgressAtMs: number,
): number | undefined {
  if (task.lease === undefined || task.state === "assigned") return leaseTimerAtMs(task);
  return Math.min(
    leaseUntilMs(task, task.lease, nowMs, lastProgressAtMs),
    attemptDeadlineMs(task),
    totalDeadlineMs(task),
  );
}

/** End of a lease that is acknowledged or renewed at `nowMs`. */
export function leaseUntilMs(
  { timeouts: { heartbeatMs = Number.POSITIVE_INFINITY } }: Task,
  { leaseMs }: Pick<TaskLease, "leaseMs">,
  nowMs: number,
  lastProgressAtMs: number,
): number {
  return Math.min(nowMs + leaseMs, lastProgressAtMs + heartbeatMs);
}

/** Until when the present or last attempt must end. Infinity before the first. */
export function attemptDeadlineMs({ startedAtMs, timeouts }: Task): number {
  return startedAtMs === undefined ? Number.POSITIVE_INFINITY : startedAtMs + timeouts.attemptMs;
}

/** Until when all attempts and the delays between them must end. */
export function totalDeadlineMs({ createdAtMs, timeouts }: Task): number {
  return createdAtMs + (timeouts.totalMs ?? Number.POSITIVE_INFINITY);
}

/** Until when somebody must take a waiting task. */
export function queueDeadlineMs({ readyAtMs, timeouts }: Task): number {
  return readyAtMs + (timeouts.queuedMs ?? Number.POSITIVE_INFINITY);
}
