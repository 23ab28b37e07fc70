import type { Task, TaskEvent } from "./task.ts";
import { type AttemptEnd, decideAfterFailure, engineFailure } from "./task-retry.ts";

/**
 * The task goes back to the queue and its attempt with it, but only so often:
 * a task that everybody gives back must run out.
 */
export function decideRelease(
  task: Task,
  reason: string,
  notBeforeMs: number,
  end: AttemptEnd,
): TaskEvent {
  const { nowMs, limits, hash } = end;
  if (task.releases >= limits.releases) {
    const message = `given back more than ${limits.releases} times${reason && `: ${reason}`}`;
    return decideAfterFailure(task, engineFailure(task, "RELEASED", message), end);
  }
  const readyAtMs = Math.min(Math.max(notBeforeMs, nowMs), nowMs + limits.retry_delay_ms);
  return { type: "released", readyAtMs, reason, ...(hash !== undefined && { hash }) };
}
