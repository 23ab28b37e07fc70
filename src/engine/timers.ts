import type { Limits } from "../core/limits.ts";
import { duePriority } from "../core/match.ts";
import type { Run } from "../core/run.ts";
import type { Task } from "../core/task.ts";
import { isEnded } from "../core/task-states.ts";
import { leaseTimerAtMs, queueTimerAtMs } from "../core/task-times.ts";
import type { DuePut } from "../store/store.ts";
import type { Draft } from "./draft.ts";
import {
  cancelTimer,
  deadlineTimer,
  leaseTimer,
  queueTimer,
  retireTimer,
  type Timer,
  taskQueue,
} from "./keys.ts";

/** Every due item that a task has in its present state: what must happen next, and when. */
export function dueOfTask(ns: string, task: Task): readonly DuePut[] {
  const { taskId, runId, leaseEpoch } = task;
  if (isEnded(task)) return [];
  const leaseAtMs = leaseTimerAtMs(task);
  if (leaseAtMs !== undefined) {
    const lease: Timer = { type: "lease", ns, runId, taskId, leaseEpoch };
    const cancel: Timer = { type: "cancel", ns, runId, taskId };
    const { deadlineMs } = task.cancel ?? {};
    return [
      { ...leaseTimer(ns, taskId, leaseEpoch), ...at(leaseAtMs, lease) },
      ...(deadlineMs === undefined
        ? []
        : [{ ...cancelTimer(ns, taskId), ...at(deadlineMs, cancel) }]),
    ];
  }
  const timeoutAtMs = queueTimerAtMs(task);
  const timeout: Timer = { type: "queue", ns, runId, taskId };
  return [
    {
      queue: taskQueue(ns, task.capability),
      key: `${taskId}/${leaseEpoch}`,
      dueAtMs: task.readyAtMs,
      priority: duePriority(task.readyAtMs, task.priority),
    },
    ...(timeoutAtMs === undefined
      ? []
      : [{ ...queueTimer(ns, taskId, leaseEpoch), ...at(timeoutAtMs, timeout) }]),
  ];
}

/** The same for a run: its timeout while it is open, its removal after it ended. */
export function dueOfRun(ns: string, run: Run, limits: Limits): readonly DuePut[] {
  const { runId, endedAtMs } = run;
  if (endedAtMs === undefined) {
    return [
      { ...deadlineTimer(ns, runId), ...at(run.deadlineMs, { type: "deadline", ns, runId }) },
    ];
  }
  const retireAtMs = endedAtMs + limits.journal_retention_ms;
  return [{ ...retireTimer(ns, runId), ...at(retireAtMs, { type: "retire", ns, runId }) }];
}

/** Finishes what is no longer due and puts what is new or has moved. */
export function replaceDue(
  draft: Draft,
  before: readonly DuePut[] | undefined,
  after: readonly DuePut[],
): void {
  const old = new Map(before?.map((item) => [`${item.queue}\n${item.key}`, item]));
  for (const item of after) {
    const name = `${item.queue}\n${item.key}`;
    if (old.get(name)?.dueAtMs !== item.dueAtMs) draft.due(item);
    old.delete(name);
  }
  for (const { queue, key } of old.values()) draft.finish({ queue, key });
}

function at(dueAtMs: number, timer: Timer): { readonly dueAtMs: number; readonly payload: string } {
  return { dueAtMs, payload: JSON.stringify(timer) };
}
