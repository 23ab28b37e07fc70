import { Refused } from "../core/errors.ts";
import { type Filter, matchesFilter } from "../core/filter.ts";
import { runReader, taskReader } from "../core/filter-records.ts";
import type { Limits } from "../core/limits.ts";
import type { Run } from "../core/run.ts";
import { runView } from "../core/run-fold.ts";
import type { Task } from "../core/task.ts";
import { leaseTimerAtMs } from "../core/task-times.ts";
import type { Entity, Store } from "../store/store.ts";
import type { StoredValue } from "./advance.ts";
import type { Beats } from "./beats.ts";
import { follow } from "./follow.ts";
import { RUN_INPUT, RUN_OUTPUT, runKey, taskKey, valueKey } from "./keys.ts";
import type { RunDetails, RunRecord, Runs, TaskRecord } from "./runs.ts";
import { scan } from "./scan.ts";

const OPEN_TASKS = ["queued", "assigned", "running", "retry_wait"] as const;
/** More steps than a template can have, with the run's own input and output. */
const VALUES_MAX = 1_000;

/** Reads of runs and tasks: always from the store, so that every replica answers the same. */
export function createRunReads(
  store: Store,
  beats: Beats,
  limits: Limits,
): Omit<Runs, "start" | "cancel"> {
  const get = (ns: string, runId: string) => getRun(store, ns, runId);

  return {
    get,

    details: (ns, runId) => detailsOf(store, ns, runId),

    async wait(ns, runId, until, signal) {
      const after = await store.head("runs");
      const done = ({ run, revision }: RunRecord) =>
        run.endedAtMs !== undefined || ("afterRevision" in until && revision > until.afterRevision);
      if (signal.aborted || done(await get(ns, runId))) return;
      const only = { ns, kind: "run", id: runId } as const;
      const pages = follow(store, "runs", {
        after,
        limit: 100,
        idleMs: limits.progress_ms,
        signal,
        only,
      });
      try {
        for await (const page of pages) {
          if (page.type !== "idle" && done(await get(ns, runId))) return;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },

    list(ns, { filter, oldestFirst, ...options }) {
      const order = oldestFirst ? "oldest" : "newest";
      const status = statesOf(filter);
      const query = { ns, kind: "run", order, journal: "runs", ...(status && { status }) } as const;
      return scan(store, query, options, limits.page_scan_items, (entity) => {
        const record = runOf(entity);
        const reader = runReader(record.run.runId, runView(record.run));
        return filter === undefined || matchesFilter(filter, reader) ? record : undefined;
      });
    },

    async task(ns, taskId) {
      const [entity] = await store.load([taskKey(ns, taskId)]);
      if (entity === undefined) throw new Refused({ code: "not_found", what: "task", id: taskId });
      const record = taskOf(entity, beats);
      const { runId, stepPath, state } = record.task;
      if (state !== "succeeded") return record;
      const [value] = await store.load([valueKey(ns, runId, stepPath)]);
      if (value === undefined) return record;
      return { ...record, output: (JSON.parse(value.state) as StoredValue).value };
    },

    tasks(ns, { filter, ...options }) {
      const query = { ns, kind: "task", order: "newest", journal: "runs" } as const;
      return scan(store, query, options, limits.page_scan_items, (entity) => {
        const record = taskOf(entity, beats);
        return filter === undefined || matchesFilter(filter, taskReader(record.task))
          ? record
          : undefined;
      });
    },
  };
}

async function getRun(store: Store, ns: string, runId: string): Promise<RunRecord> {
  const [entity] = await store.load([runKey(ns, runId)]);
  if (entity === undefined) throw new Refused({ code: "not_found", what: "run", id: runId });
  return runOf(entity);
}

async function detailsOf(store: Store, ns: string, runId: string): Promise<RunDetails> {
  const record = await getRun(store, ns, runId);
  const owned = { ns, parent: runId, order: "id", limit: VALUES_MAX } as const;
  const [values, tasks] = await Promise.all([
    store.list({ ...owned, kind: "step" }),
    store.list({ ...owned, kind: "task", status: OPEN_TASKS }),
  ]);
  const outputs = new Map(
    values.entities.map(({ id, state }) => {
      const path = id.slice(runId.length + 1);
      return [path, (JSON.parse(state) as StoredValue).value] as const;
    }),
  );
  const [input, output] = [outputs.get(RUN_INPUT), outputs.get(RUN_OUTPUT)];
  outputs.delete(RUN_INPUT);
  outputs.delete(RUN_OUTPUT);
  const open = tasks.entities.map(({ state }) => JSON.parse(state) as Task);
  return {
    ...record,
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
    outputs,
    openTasks: new Map(open.map((task) => [task.stepPath, task])),
  };
}

function runOf({ state, revision }: Entity): RunRecord {
  return { run: JSON.parse(state) as Run, revision };
}

function taskOf({ state }: Entity, beats: Beats): TaskRecord {
  const task = JSON.parse(state) as Task;
  const last = beats.last(task);
  const leaseUntilMs = last?.untilMs ?? leaseTimerAtMs(task);
  return {
    task,
    ...(leaseUntilMs !== undefined && { leaseUntilMs }),
    ...(last !== undefined && { progress: last.held }),
  };
}

/** The states that a filter asks for at its top level: those have an index. */
function statesOf(filter: Filter | undefined): readonly string[] | undefined {
  if (filter?.type === "and")
    return filter.items.map(statesOf).find((found) => found !== undefined);
  if (filter?.type === "compare" && filter.op === "==" && filter.field.name === "state") {
    return [String(filter.value)];
  }
  if (filter?.type === "in" && filter.field.name === "state") return filter.values.map(String);
  return undefined;
}
