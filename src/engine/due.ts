import { isRefused } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import type { Task, TaskCommand } from "../core/task.ts";
import { attemptDeadlineMs, totalDeadlineMs } from "../core/task-times.ts";
import { failpoint } from "../failpoint.ts";
import type { Commit, DuePut, EntityKey, Reserved, Store } from "../store/store.ts";
import type { Advance } from "./advance.ts";
import { leasesOf } from "./agent-reads.ts";
import { agentLock } from "./agent-registry.ts";
import { writeAgent } from "./agent-writes.ts";
import type { Beats } from "./beats.ts";
import { system } from "./caller.ts";
import type { Changes } from "./changes.ts";
import type { Draft } from "./draft.ts";
import { jitter } from "./ids.ts";
import {
  runKey,
  SESSION_CHECKS,
  sessionKey,
  sessionRetireTimer,
  type Timer,
  taskKey,
} from "./keys.ts";
import { runLock } from "./run-starts.ts";
import type { Patience } from "./ticker.ts";
import { dueOfTask } from "./timers.ts";

/** Entities of a run removed in one commit. */
const RETIRE_SLICE = 500;

export interface DueDeps {
  readonly store: Store;
  readonly changes: Changes;
  readonly advance: Advance;
  readonly beats: Beats;
  readonly limits: Limits;
}

/** Does what is due. Each handler is idempotent and finishes its item by the token, in its commit. */
export function createDueHandler(
  deps: DueDeps,
): (item: Reserved, patience: Patience) => Promise<void> {
  return async (item, patience) => {
    try {
      if (item.queue === SESSION_CHECKS) return await checkSession(deps, item, patience);
      const timer = JSON.parse(item.payload ?? "null") as Timer;
      switch (timer.type) {
        case "lease":
          return await leaseOver(deps, item, timer, patience);
        case "queue":
          return await moveTask(deps, item, timer, { type: "queue_timer" });
        case "cancel":
          return await moveTask(deps, item, timer, { type: "cancel_timer" });
        case "deadline":
          return await deadline(deps, item, timer);
        case "retire":
          return await retire(deps, item, timer);
        case "retire_session":
          return await remove(deps, item, sessionKey(timer.ns, timer.sessionId));
        case "session_ended":
          return await giveBackAll(deps, item, timer);
      }
    } catch (error) {
      // The item was moved or finished meanwhile: whoever did that decided.
      if (!isRefused(error, "reservation_lost", "contention")) throw error;
    }
  };
}

type TaskTimer = Extract<Timer, { taskId: string }>;

/** The time of a lease, an attempt or a step is over. Silence alone is not judged while we were away. */
async function leaseOver(
  deps: DueDeps,
  item: Reserved,
  timer: Extract<Timer, { type: "lease" }>,
  patience: Patience,
): Promise<void> {
  const { store, beats } = deps;
  const [entity] = await store.load([taskKey(timer.ns, timer.taskId)]);
  const task = entity === undefined ? undefined : (JSON.parse(entity.state) as Task);
  const nowMs = store.nowMs();
  const timedOut =
    task !== undefined && nowMs >= Math.min(attemptDeadlineMs(task), totalDeadlineMs(task));
  const patientUntilMs = patience.untilMs(task?.lease?.leaseMs ?? 0);
  if (!timedOut && nowMs < patientUntilMs) return await putOff(store, item, patientUntilMs);
  const noProgress = task !== undefined && beats.isStill(task);
  const command = {
    type: "lease_timer",
    leaseEpoch: timer.leaseEpoch,
    noProgress,
    jitter: jitter(),
  } as const;
  await moveTask(deps, item, timer, command);
  if (task?.state === "assigned" && task.lease !== undefined) {
    beats.offerLapsed(task.lease.sessionId);
  }
}

async function putOff(store: Store, item: Reserved, dueAtMs: number): Promise<void> {
  const { queue, key, token, payload } = item;
  const due = [{ queue, key, dueAtMs, ...(payload !== undefined && { payload }) }];
  await store.commit({ finish: [{ queue, key, token }], due });
}

async function moveTask(
  { changes, advance }: DueDeps,
  item: Reserved,
  { ns, runId, taskId }: TaskTimer,
  command: TaskCommand,
): Promise<void> {
  await changes.change(runLock(ns, runId), async () => {
    const draft = changes.draft(ns);
    const key = taskKey(ns, taskId);
    await draft.load(key);
    if (draft.get(key) === undefined) return finished(draft, item);
    await advance.task(draft, taskId, command, system(ns));
    const task = draft.get<Task>(key);
    return finished(draft, item, task && dueOfTask(ns, task));
  });
}

async function deadline(
  { changes, advance }: DueDeps,
  item: Reserved,
  { ns, runId }: Extract<Timer, { type: "deadline" | "retire" }>,
): Promise<void> {
  await changes.change(runLock(ns, runId), async () => {
    const draft = changes.draft(ns);
    await draft.load(runKey(ns, runId));
    if (draft.get(runKey(ns, runId)) !== undefined) {
      await advance.run(draft, runId, { type: "deadline" }, system(ns));
    }
    return finished(draft, item);
  });
}

/** A run goes with everything it owns, in slices; the run itself goes last. */
async function retire(
  deps: DueDeps,
  item: Reserved,
  { ns, runId }: Extract<Timer, { type: "deadline" | "retire" }>,
): Promise<void> {
  const { store, changes } = deps;
  const write = (commit: Commit) =>
    changes.change(runLock(ns, runId), async () => ({ commit, result: undefined }));
  for (const kind of ["step", "task"] as const) {
    for (;;) {
      const query = { ns, kind, parent: runId, order: "id", limit: RETIRE_SLICE } as const;
      const { entities } = await store.list(query);
      if (entities.length === 0) break;
      await write({ expect: entities, remove: entities });
      failpoint("retire.slice");
    }
  }
  await remove(deps, item, runKey(ns, runId));
}

async function remove({ changes }: DueDeps, item: Reserved, key: EntityKey): Promise<void> {
  await changes.change(`${key.kind}/${key.ns}/${key.id}`, async () => {
    const draft = changes.draft(key.ns);
    await draft.load(key);
    if (draft.get(key) !== undefined) draft.remove(key);
    return finished(draft, item);
  });
}

/** Gives the tasks of an ended session back, run by run. The session is kept as long as its history. */
async function giveBackAll(
  deps: DueDeps,
  { queue, key, token, dueAtMs: endedAtMs }: Reserved,
  { ns, agentId, sessionId, reason }: Extract<Timer, { type: "session_ended" }>,
): Promise<void> {
  const { store, changes, advance, limits } = deps;
  const ids = await leasesOf(store, ns, agentId, limits.slots);
  const entities = await store.load(ids.map((taskId) => taskKey(ns, taskId)));
  for (const entity of entities) {
    const task = entity === undefined ? undefined : (JSON.parse(entity.state) as Task);
    if (task === undefined || task.sessionId !== sessionId) continue;
    await changes.change(runLock(ns, task.runId), async () => {
      const draft = changes.draft(ns);
      const command = { type: "session_ended", sessionId, reason, jitter: jitter() } as const;
      await advance.task(draft, task.taskId, command, system(ns));
      return { ...draft.toChange(), result: undefined };
    });
    failpoint("session-end.task");
  }
  const timer: Timer = { type: "retire_session", ns, sessionId };
  const retire = {
    ...sessionRetireTimer(ns, sessionId),
    dueAtMs: endedAtMs + limits.journal_retention_ms,
    payload: JSON.stringify(timer),
  };
  await store.commit({ finish: [{ queue, key, token }], due: [retire] });
}

/** A session was silent for half its lease, or for all of it. */
async function checkSession(
  { store, changes }: DueDeps,
  item: Reserved,
  patience: Patience,
): Promise<void> {
  const { ns, agentId, epoch } = partsOf(item.key);
  const [silent] = await store.leases([{ ns, agentId }]);
  const patientUntilMs = patience.untilMs(silent?.leaseMs ?? 0);
  if (store.nowMs() < patientUntilMs) return await putOff(store, item, patientUntilMs);
  await changes.change(agentLock(ns, agentId), async () => {
    const draft = changes.draft(ns);
    const [lease] = await store.leases([{ ns, agentId }]);
    if (lease?.sessionEpoch === epoch) {
      const { untilMs, leaseMs } = lease;
      const command = { type: "check_session", epoch, untilMs, leaseMs } as const;
      await writeAgent(draft, agentId, command, system(ns));
    }
    return finished(draft, item);
  });
}

/** A timer that came too early for its task stays: nothing else would ever end the wait. */
function finished(draft: Draft, { queue, key, token }: Reserved, still: readonly DuePut[] = []) {
  draft.finish({ queue, key, token });
  const again = still.find((item) => item.queue === queue && item.key === key);
  if (again !== undefined) draft.due(again);
  return { ...draft.toChange(), result: undefined };
}

/** `<ns>/<agent id>/<epoch>`; an agent id may hold slashes. */
function partsOf(key: string): { ns: string; agentId: string; epoch: number } {
  const [first, last] = [key.indexOf("/"), key.lastIndexOf("/")];
  return {
    ns: key.slice(0, first),
    agentId: key.slice(first + 1, last),
    epoch: Number(key.slice(last + 1)),
  };
}
