import { TaskSchema } from "../../gen/opscore/v1/task_pb.ts";
import { RunSchema, View, type WorkflowService } from "../../gen/opscore/v1/workflow_pb.ts";
import { RUN_FIELDS, TASK_FIELDS } from "../core/filter-fields.ts";
import { parseFilter } from "../core/filter-parse.ts";
import type { Run } from "../core/run.ts";
import type { Plan } from "../core/template-plan.ts";
import type { Engine } from "../engine/engine.ts";
import type { Handlers } from "./call.ts";
import { waitOf } from "./caller.ts";
import type { Init } from "./convert.ts";
import { hasEnded, toFullRun, toRun } from "./convert-run.ts";
import { toFullTask, toTask } from "./convert-task.ts";
import { createCursors } from "./cursor.ts";
import { createPageTokens } from "./page-token.ts";
import { PAGE_ITEMS, pageSize, readPage } from "./pages.ts";

type Reads = Pick<
  Handlers<typeof WorkflowService>,
  "getRun" | "listRuns" | "getTask" | "listTasks"
>;

/** Runs and tasks as people see them. */
export function workflowReads(engine: Engine): Reads {
  const { runs, journals, limits } = engine;
  return {
    async getRun({ runId, view, afterRevision, untilEnded, wait }, call) {
      const ns = call.namespace;
      if (wait !== undefined) {
        const signal = AbortSignal.any([call.signal, waitOf(call, wait, limits)]);
        await runs.wait(ns, runId, untilEnded ? { ended: true } : { afterRevision }, signal);
      }
      if (view === View.FULL) return { run: await fullRun(engine, ns, runId) };
      return { run: toRun(await runs.get(ns, runId)) };
    },

    async listRuns({ filter, oldestFirst, pageToken, pageSize: asked }, call) {
      const ns = call.namespace;
      const tokens = createPageTokens(journals, "ListRuns", ns, filter, `${oldestFirst}`);
      const after = tokens.item(pageToken);
      const parsed = parseFilter(filter, RUN_FIELDS, journals.nowMs());
      const options = { oldestFirst, ...(parsed && { filter: parsed }), ...(after && { after }) };
      const read = (limit: number) => runs.list(ns, { ...options, limit });
      const listing = { schema: RunSchema, read, convert: toRun };
      const page = await readPage(listing, pageSize(asked, PAGE_ITEMS, limits), limits.page_bytes);
      const cursors = createCursors(journals, { journal: "runs", ns, filter });
      return {
        runs: page.items,
        nextPageToken: tokens.ofItem(page.next),
        ...(!after && { watchFrom: cursors.seal({ position: page.at }) }),
      };
    },

    async getTask({ taskId }, call) {
      return { task: toFullTask(await runs.task(call.namespace, taskId)) };
    },

    async listTasks({ filter, pageToken, pageSize: asked }, call) {
      const ns = call.namespace;
      const tokens = createPageTokens(journals, "ListTasks", ns, filter);
      const after = tokens.item(pageToken);
      const parsed = parseFilter(filter, TASK_FIELDS, journals.nowMs());
      const options = { ...(parsed && { filter: parsed }), ...(after && { after }) };
      const read = (limit: number) => runs.tasks(ns, { ...options, limit });
      const listing = { schema: TaskSchema, read, convert: toTask };
      const page = await readPage(listing, pageSize(asked, PAGE_ITEMS, limits), limits.page_bytes);
      return { tasks: page.items, nextPageToken: tokens.ofItem(page.next) };
    },
  };
}

/** A run with payloads and steps, those that have not started too while it goes on. */
export async function fullRun(
  { runs, templates }: Engine,
  ns: string,
  runId: string,
): Promise<Init<typeof RunSchema>> {
  const details = await runs.details(ns, runId);
  const { run } = details;
  if (hasEnded(run)) return toFullRun(details, []);
  return toFullRun(
    details,
    pendingOf(run, await templates.plan(ns, run.templateId, run.templateVersion)),
  );
}

/** Steps that have not started: those of a fallback only once it is taken. */
function pendingOf({ steps }: Run, { steps: planned, blocks }: Plan): string[] {
  const isTaken = (block: string) => {
    const owner = blocks.get(block)?.owner;
    return owner === undefined || steps[owner]?.fellBack === true;
  };
  return [...planned.values()]
    .filter(({ path, block }) => !Object.hasOwn(steps, path) && isTaken(block))
    .map(({ path }) => path);
}
