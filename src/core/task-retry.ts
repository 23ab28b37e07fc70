import type { Json } from "./json.ts";
import type { Limits } from "./limits.ts";
import type { Task, TaskEvent } from "./task.ts";
import { holds } from "./task-condition.ts";
import { totalDeadlineMs } from "./task-times.ts";
import type { Failure } from "./template-types.ts";

/** What a decision about a failed attempt needs beside the task. */
export interface AttemptEnd {
  readonly nowMs: number;
  readonly limits: Limits;
  /** 0 to 1, drawn by the caller: the part of the backoff to wait. */
  readonly jitter: number;
  /** Of the report that ended it; absent when the engine did. */
  readonly hash?: string;
  /** Its lease ran out without a report. */
  readonly lapsed?: true;
}

/** Another attempt after this failure, or the end of the task. */
export function decideAfterFailure(task: Task, failure: Failure, end: AttemptEnd): TaskEvent {
  const hash = end.hash === undefined ? {} : { hash: end.hash };
  if (failure.permanent === true || !isRetryWanted(task, failure)) {
    return { type: "failed", failure, ...hash };
  }
  if (task.attempt >= task.retry.maxAttempts) {
    const message = `all ${task.retry.maxAttempts} attempts failed, the last with ${failure.reason}`;
    return {
      type: "failed",
      failure: engineFailure(task, "ATTEMPTS_EXHAUSTED", message, failure),
      ...hash,
    };
  }
  const readyAtMs = end.nowMs + retryDelayMs(task, failure, end);
  if (readyAtMs >= totalDeadlineMs(task)) {
    const message = "the step's time is over before its next attempt could start";
    return {
      type: "failed",
      failure: engineFailure(task, "TIMEOUT_TOTAL", message, failure),
      ...hash,
    };
  }
  return {
    type: "retrying",
    failure,
    readyAtMs,
    ...hash,
    ...(end.lapsed === true && { lapsed: true }),
  };
}

/** A failure that the engine states itself. */
export function engineFailure(
  { pointer }: Pick<Task, "pointer">,
  reason: string,
  message: string,
  cause?: Failure,
): Failure {
  return { reason, message, pointer, ...(cause !== undefined && { cause }) };
}

/** Full jitter on exponential backoff, but never before the agent says it makes sense. */
function retryDelayMs(
  { retry, attempt }: Task,
  { retryAfterMs = 0 }: Failure,
  { jitter, limits }: AttemptEnd,
): number {
  const growth = Math.min(retry.multiplier ** (attempt - 1), Number.MAX_VALUE);
  const backoffMs = Math.min(retry.initialDelayMs * growth, retry.maxDelayMs);
  const delayMs = Math.max(Math.round(backoffMs * jitter), retryAfterMs);
  return Math.min(delayMs, limits.retry_delay_ms);
}

function isRetryWanted({ retry, values, attempt, stepPath }: Task, failure: Failure): boolean {
  if (retry.retryIf === undefined) return true;
  const error: Json = {
    reason: failure.reason,
    message: failure.message,
    permanent: failure.permanent ?? false,
    details: failure.details ?? null,
    attempt,
    step: stepPath.slice(stepPath.lastIndexOf("/") + 1),
  };
  return holds(retry.retryIf, { ...values, error });
}
