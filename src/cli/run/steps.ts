import type { Task } from "../../../gen/opscore/v1/task_pb.ts";
import type { Block, Step, WorkflowTemplate } from "../../../gen/opscore/v1/template_pb.ts";
import type { RunEntry } from "../../../gen/opscore/v1/workflow_pb.ts";
import { msOf } from "../output/time.ts";
import type { Format } from "../output/view.ts";
import { progressOf } from "../task/view.ts";
import type { StepRow } from "./step-line.ts";

/** The steps of one run, kept up with its entries. */
export interface Steps {
  /** Takes the next entry. Returns the step that it moved, if it moved one. */
  apply(entry: RunEntry): StepRow | undefined;
  /** Takes what is known of a task besides its entries. */
  see(task: Task): void;
  /** In the order of the template; those of a fallback once one of them has begun. */
  rows(): readonly StepRow[];
}

interface Planned {
  readonly path: string;
  readonly after: readonly string[];
  /** It belongs to a fallback, and perhaps never begins. */
  readonly isInner: boolean;
}

const GRAPH = 2;
export const ENDED = new Set(["SUCCEEDED", "FAILED", "SKIPPED", "CANCELLED"]);

export function createSteps(
  template: WorkflowTemplate | undefined,
  format: Format<RunEntry>,
): Steps {
  const planned = template?.main === undefined ? [] : plannedOf(template.main, "");
  const known = new Map<string, StepRow>();

  return {
    apply(entry) {
      const row = known.get(entry.stepPath) ?? fresh(entry.stepPath);
      const next = moved(row, entry, format);
      if (next !== undefined) known.set(row.path, next);
      return next;
    },

    see(task) {
      const row = known.get(task.stepPath);
      // What was asked about may have gone on meanwhile.
      if (row?.taskId !== task.taskId || row.attempt !== task.attempt) return;
      const { maxAttempts } = task;
      known.set(task.stepPath, { ...row, maxAttempts, progress: progressOf(task) });
    },

    rows() {
      const isOpen = (path: string) => !ENDED.has(known.get(path)?.state ?? "");
      const begun = new Set([...known.keys()].map(parentOf));
      const rows = planned
        .filter(({ path, isInner }) => !isInner || begun.has(parentOf(path)))
        .map(({ path, after }) => ({
          ...(known.get(path) ?? fresh(path)),
          waitsFor: after.filter(isOpen),
        }));
      const others = [...known.values()].filter(({ path }) =>
        planned.every((step) => step.path !== path),
      );
      return [...rows, ...others];
    },
  };
}

/** A step after an entry; undefined when that says nothing of it. */
function moved(row: StepRow, entry: RunEntry, format: Format<RunEntry>): StepRow | undefined {
  const { body } = entry;
  const atMs = entry.time && msOf(entry.time);
  const startMs = row.startMs ?? atMs;
  if (body.case === "step") {
    const { toState, failure } = body.value;
    const to = format.word("step.toState", toState);
    const state = to === "RUNNING" ? "FALLING_BACK" : to;
    return { ...row, state, startMs, failure, ...(ENDED.has(state) && { endMs: atMs }) };
  }
  if (body.case !== "task" || format.field(entry, "kind") !== "TASK") return undefined;
  const { taskId, toState, attempt, agentId, failure, nextAttemptTime } = body.value;
  const state = format.word("task.toState", toState);
  // The step says what comes of it.
  if (ENDED.has(state)) return undefined;
  return {
    ...row,
    taskId,
    state,
    startMs,
    attempt: Math.max(attempt, row.attempt),
    agentId: agentId || row.agentId,
    failure: failure ?? row.failure,
    nextAttemptMs: nextAttemptTime && msOf(nextAttemptTime),
    progress: "",
  };
}

function fresh(path: string): StepRow {
  return { path, state: "PENDING", taskId: "", agentId: "", attempt: 0, waitsFor: [] };
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The steps of a block, each with those of its fallback after it. */
function plannedOf({ mode, steps }: Block, parent: string): readonly Planned[] {
  const prefix = parent === "" ? "" : `${parent}/`;
  return steps.flatMap((step, i) => {
    const path = prefix + step.id;
    const before = mode === GRAPH ? readsOf(step, steps) : steps.slice(Math.max(0, i - 1), i);
    const after = before.map(({ id }) => prefix + id);
    const inner = step.fallback === undefined ? [] : plannedOf(step.fallback, path);
    return [{ path, after, isInner: parent !== "" }, ...inner];
  });
}

/** In a graph a step waits for what it needs, and for what its expressions name. */
function readsOf(step: Step, all: readonly Step[]): readonly Step[] {
  const { fallback: _, needs, ...own } = step;
  const text = JSON.stringify(own, (_key, value) => (typeof value === "bigint" ? null : value));
  const named = text.matchAll(/(?<![.\w])steps(?:\.\??|\[\??\\?["'])(\w+)/g);
  const wanted = new Set([...needs, ...[...named].map(([, id]) => id)]);
  return all.filter(({ id }) => id !== step.id && wanted.has(id));
}
