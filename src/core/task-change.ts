import type { TaskChange } from "./run.ts";
import type { Task, TaskEvent } from "./task.ts";

/** What the journal of runs keeps of `event`, which took a task from `before` to `after`. */
export function toTaskChange(before: Task | undefined, event: TaskEvent, after: Task): TaskChange {
  const { taskId, stepPath, attempt, leaseEpoch, agentId, sessionId } = after;
  return {
    type: "task_changed",
    taskId,
    stepPath,
    ...(before !== undefined && { from: before.state }),
    to: after.state,
    attempt,
    leaseEpoch,
    ...(agentId !== undefined && { agentId }),
    ...(sessionId !== undefined && { sessionId }),
    ...specifics(event, after),
  };
}

function specifics(event: TaskEvent, { readyAtMs }: Task): Partial<TaskChange> {
  switch (event.type) {
    case "queued":
      return { task: event.task, readyAtMs };
    case "succeeded":
      return { disposition: "recorded" };
    case "retrying":
      return { failure: event.failure, readyAtMs, ...dispositionOf(event) };
    case "released":
      return { readyAtMs, ...dispositionOf(event) };
    case "failed":
      return { failure: event.failure, ...dispositionOf(event) };
    case "cancelling":
      return { cancel: { deadlineMs: event.deadlineMs, reason: event.reason } };
    case "late_report":
      return {
        late: true,
        disposition: "late",
        ...(event.failure !== undefined && { failure: event.failure }),
      };
    default:
      return {};
  }
}

/** Only what an agent reported has one. */
function dispositionOf({ hash }: { readonly hash?: string }): Pick<TaskChange, "disposition"> {
  return hash === undefined ? {} : { disposition: "recorded" };
}
