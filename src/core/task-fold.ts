import { unreachable } from "./errors.ts";
import type { Task, TaskEvent } from "./task.ts";

/** The task after `events`. Total for every list `decideTask` made. */
export function foldTask(
  task: Task | undefined,
  events: readonly TaskEvent[],
  nowMs: number,
): Task {
  const fold = (before: Task | undefined, event: TaskEvent) => evolveTask(before, event, nowMs);
  return known(events.reduce<Task | undefined>(fold, task));
}

/** The task after `event`. `undefined` is the task before it was made. */
export function evolveTask(task: Task | undefined, event: TaskEvent, nowMs: number): Task {
  if (event.type === "queued") {
    const counts = { attempt: 0, leaseEpoch: 0, releases: 0 };
    return { ...event.task, ...counts, state: "queued", createdAtMs: nowMs, readyAtMs: nowMs };
  }
  const { lease, lapsed, ...rest } = known(task);
  const last = lease ?? lapsed;
  switch (event.type) {
    case "assigned":
      return handedOut(rest, event, nowMs);
    case "acknowledged":
      if (last === undefined) throw new Error("the ack of a task that was never handed out");
      return { ...rest, state: "running", lease: { ...last, untilMs: event.untilMs } };
    case "succeeded":
      return { ...rest, state: "succeeded", ...outcomeOf(rest, event.hash), endedAtMs: nowMs };
    case "retrying": {
      const { failure, readyAtMs } = event;
      const open = event.lapsed === true && last !== undefined ? { lapsed: last } : {};
      return {
        ...rest,
        state: "retry_wait",
        failure,
        readyAtMs,
        ...open,
        ...outcomeOf(rest, event.hash),
      };
    }
    case "released": {
      const { attempt, releases } = rest;
      const { readyAtMs, hash } = event;
      const state = readyAtMs > nowMs ? "retry_wait" : "queued";
      const counts = { attempt: attempt - 1, releases: releases + 1 };
      return { ...rest, ...counts, state, readyAtMs, ...outcomeOf(rest, hash) };
    }
    case "failed":
      return {
        ...rest,
        state: "failed",
        failure: event.failure,
        ...(last !== undefined && { lapsed: last }),
        ...outcomeOf(rest, event.hash),
        endedAtMs: nowMs,
      };
    case "cancelling": {
      const { deadlineMs, reason } = event;
      return { ...known(task), cancel: { deadlineMs, reason } };
    }
    case "cancelled":
      return {
        ...rest,
        state: "cancelled",
        ...(last !== undefined && { lapsed: last }),
        endedAtMs: nowMs,
      };
    case "late_report":
      return { ...known(task), ...outcomeOf(rest, event.hash) };
    default:
      return unreachable(event);
  }
}

function handedOut(
  { outcome: _, ...task }: Omit<Task, "lease" | "lapsed">,
  { attempt, leaseEpoch, lease, acknowledged }: Extract<TaskEvent, { type: "assigned" }>,
  nowMs: number,
): Task {
  const { agentId, sessionId } = lease;
  const state = acknowledged ? "running" : "assigned";
  return { ...task, state, attempt, leaseEpoch, lease, agentId, sessionId, startedAtMs: nowMs };
}

function outcomeOf({ leaseEpoch }: Pick<Task, "leaseEpoch">, hash: string | undefined) {
  return hash === undefined ? {} : { outcome: { leaseEpoch, hash } };
}

function known(task: Task | undefined): Task {
  if (task === undefined) throw new Error("event of a task that was never queued");
  return task;
}
