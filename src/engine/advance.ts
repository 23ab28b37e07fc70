import type { Json } from "../core/json.ts";
import type { Limits } from "../core/limits.ts";
import type { Run, RunCommand, RunEvent } from "../core/run.ts";
import { decideRun } from "../core/run-decide.ts";
import { foldRun, runView } from "../core/run-fold.ts";
import { outputsNeeded } from "../core/run-needs.ts";
import type { Task, TaskCommand, TaskDecision, TaskEvent } from "../core/task.ts";
import { toTaskChange } from "../core/task-change.ts";
import { decideTask } from "../core/task-decide.ts";
import { foldTask } from "../core/task-fold.ts";
import { isEnded, isHeld } from "../core/task-states.ts";
import type { Plan } from "../core/template-plan.ts";
import type { Caller } from "./caller.ts";
import type { Draft } from "./draft.ts";
import { newId } from "./ids.ts";
import { leaseKey, RUN_INPUT, RUN_OUTPUT, runKey, taskKey, valueKey } from "./keys.ts";
import { dueOfRun, dueOfTask, replaceDue } from "./timers.ts";

export interface AdvanceDeps {
  readonly limits: Limits;
  readonly planOf: (ns: string, run: Pick<Run, "templateId" | "templateVersion">) => Promise<Plan>;
}

/**
 * Carries a command through tasks and runs inside one draft: the end of a task
 * moves its run, the run queues or cancels tasks, until nothing follows. All of
 * it is one commit.
 */
export interface Advance {
  /** `output` goes with a `complete`. @throws what the rules refuse. */
  task(
    draft: Draft,
    taskId: string,
    command: TaskCommand,
    by: Caller,
    output?: Json,
  ): Promise<TaskDecision>;
  run(draft: Draft, runId: string, command: RunCommand, by: Caller): Promise<void>;
}

/** What is stored of a step's output, or of a run's input and output. */
export interface StoredValue {
  readonly value: Json;
}

export function createAdvance({ limits, planOf }: AdvanceDeps): Advance {
  async function applyTask(
    draft: Draft,
    taskId: string,
    command: TaskCommand,
    by: Caller,
    output?: Json,
  ): Promise<TaskDecision> {
    const key = taskKey(draft.ns, taskId);
    await draft.load(key, leaseKey(draft.ns, taskId));
    const before = draft.get<Task>(key);
    const decision = decideTask(before, command, draft.nowMs, limits);
    if (decision.events.length === 0) return decision;
    const after = foldTask(before, decision.events, draft.nowMs);
    await draft.load(runKey(draft.ns, after.runId));
    writeTask(draft, before, after);
    journalTask(draft, before, decision.events, by);
    const ended = isEnded(after) && (before === undefined || !isEnded(before));
    if (ended) await applyRun(draft, after.runId, taskEnded(after, output), by);
    return decision;
  }

  async function applyRun(draft: Draft, runId: string, command: RunCommand, by: Caller) {
    const key = runKey(draft.ns, runId);
    await draft.load(key);
    const before = draft.get<Run>(key);
    const plan = await planOf(draft.ns, command.type === "start" ? command.run : existing(before));
    const needed = before === undefined ? [] : outputsNeeded(before, plan, command);
    const valueAt = (path: string) => valueKey(draft.ns, runId, path);
    const values = [RUN_INPUT, RUN_OUTPUT, ...needed].map(valueAt);
    if (before === undefined) draft.fresh(...values);
    else await draft.load(...values);
    const outputOf = (path: string) => draft.get<StoredValue>(valueAt(path))?.value;
    const { events, cancels } = decideRun(before, plan, command, {
      nowMs: draft.nowMs,
      input: command.type === "start" ? command.run.input : outputOf(RUN_INPUT),
      outputOf,
      newTaskId: () => newId(draft.nowMs),
    });
    if (events.length === 0) return;
    const after = foldRun(before, events, draft.nowMs);
    draft.put(key, { status: after.state, state: after });
    replaceDue(
      draft,
      before && dueOfRun(draft.ns, before, limits),
      dueOfRun(draft.ns, after, limits),
    );
    await writeValues(draft, runId, events);
    await journalRun(draft, before, events, by);
    for (const { taskId, graceMs, reason } of cancels) {
      const cancel = graceMs === undefined ? { reason } : { graceMs, reason };
      await applyTask(draft, taskId, { type: "cancel", ...cancel }, by);
    }
  }

  /** Entries in the order of the events; a queued task is its own entry, written by the task. */
  async function journalRun(
    draft: Draft,
    run: Run | undefined,
    events: readonly RunEvent[],
    by: Caller,
  ) {
    let now = run;
    for (const event of events) {
      const was = now;
      now = foldRun(now, [event], draft.nowMs);
      if (event.type === "task_queued") {
        const { task } = event;
        draft.fresh(taskKey(draft.ns, task.taskId), leaseKey(draft.ns, task.taskId));
        await applyTask(draft, task.taskId, { type: "queue", task }, by);
      } else {
        const key = runKey(draft.ns, now.runId);
        draft.entry(key, { event, ...stamp(draft, by), ...views(was, now) });
      }
    }
  }

  return { task: applyTask, run: applyRun };
}

function writeTask(draft: Draft, before: Task | undefined, after: Task): void {
  const { ns } = draft;
  draft.put(taskKey(ns, after.taskId), { status: after.state, parent: after.runId, state: after });
  const lease = leaseKey(ns, after.taskId);
  if (isHeld(after) && after.lease !== undefined) {
    const { agentId } = after.lease;
    const { leaseEpoch } = after;
    draft.put(lease, { status: "live", parent: agentId, state: { leaseEpoch } });
  } else if (draft.get(lease) !== undefined) draft.remove(lease);
  replaceDue(draft, before && dueOfTask(ns, before), dueOfTask(ns, after));
}

/** Task entries are entries of the run: its history is one sequence. */
function journalTask(
  draft: Draft,
  task: Task | undefined,
  events: readonly TaskEvent[],
  by: Caller,
): void {
  let before = task;
  for (const event of events) {
    const after = foldTask(before, [event], draft.nowMs);
    const key = runKey(draft.ns, after.runId);
    const run = existing(draft.get<Run>(key));
    draft.entry(key, {
      event: toTaskChange(before, event, after),
      ...stamp(draft, by),
      ...views(run, run),
    });
    before = after;
  }
}

async function writeValues(
  draft: Draft,
  runId: string,
  events: readonly RunEvent[],
): Promise<void> {
  for (const [path, value] of events.flatMap(valuesOf)) {
    const key = valueKey(draft.ns, runId, path);
    await draft.load(key);
    draft.put(key, { status: "value", parent: runId, state: { value } satisfies StoredValue });
  }
}

function valuesOf(event: RunEvent): (readonly [string, Json])[] {
  switch (event.type) {
    case "started":
      return event.run.input === undefined ? [] : [[RUN_INPUT, event.run.input]];
    case "step_ended":
      return event.output === undefined ? [] : [[event.stepPath, event.output]];
    case "succeeded":
      return event.output === undefined ? [] : [[RUN_OUTPUT, event.output]];
    default:
      return [];
  }
}

function taskEnded(task: Task, output: Json | undefined): RunCommand {
  const { stepPath, taskId, attempt, agentId, failure, state } = task;
  if (state !== "succeeded" && state !== "failed" && state !== "cancelled") {
    throw new Error(`task ${taskId} has not ended: ${state}`);
  }
  return {
    type: "task_ended",
    stepPath,
    taskId,
    state,
    attempt,
    ...(output !== undefined && state === "succeeded" && { output }),
    ...(failure !== undefined && state !== "succeeded" && { failure }),
    ...(agentId !== undefined && { agentId }),
  };
}

/** Who did it, when and why: on every entry. */
export function stamp(draft: Draft, { actor, reason, request }: Caller) {
  return {
    atMs: draft.nowMs,
    actor,
    ...(reason !== undefined && { reason }),
    ...(request !== undefined && { requestId: request.id }),
  };
}

function views(was: Run | undefined, is: Run) {
  if (was === is) return { is: runView(is) };
  const [before, after] = [was && runView(was), runView(is)];
  const same = before !== undefined && JSON.stringify(before) === JSON.stringify(after);
  return before === undefined || same ? { is: after } : { was: before, is: after };
}

function existing<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a task or command of a run that does not exist");
  return value;
}
