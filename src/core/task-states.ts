import type { Task, TaskState } from "./task.ts";

/**
 * Every legal move of a task. Staying in a state is one too where events leave
 * it as it is: a cancellation that waits for the holder, a failure reported
 * after its lease ran out, a late report.
 */
export const TASK_MOVES: Readonly<Record<TaskState, readonly TaskState[]>> = {
  queued: ["assigned", "running", "failed", "cancelled"],
  assigned: ["assigned", "running", "succeeded", "retry_wait", "queued", "failed", "cancelled"],
  running: ["running", "succeeded", "retry_wait", "queued", "failed", "cancelled"],
  retry_wait: ["retry_wait", "queued", "assigned", "running", "succeeded", "failed", "cancelled"],
  succeeded: [],
  failed: [],
  cancelled: ["cancelled"],
};

/** Whether an agent holds it: only then it has a lease. */
export function isHeld({ state }: Pick<Task, "state">): boolean {
  return state === "assigned" || state === "running";
}

/** Whether nothing can change its outcome any more. */
export function isEnded({ state }: Pick<Task, "state">): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}

/** Whether it waits for its next hand-out. */
export function isWaiting({ state }: Pick<Task, "state">): boolean {
  return state === "queued" || state === "retry_wait";
}
