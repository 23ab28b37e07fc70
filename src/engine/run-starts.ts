import { Refused } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import type { Run } from "../core/run.ts";
import type { Store } from "../store/store.ts";
import type { Advance } from "./advance.ts";
import type { Caller } from "./caller.ts";
import type { Changes } from "./changes.ts";
import type { Draft } from "./draft.ts";
import type { HandOut } from "./hand-out.ts";
import { newId, newTraceparent } from "./ids.ts";
import { runKey } from "./keys.ts";
import type { BulkResult, RunRecord, Runs, RunTarget, StartRun } from "./runs.ts";
import type { Templates } from "./templates.ts";

const USUAL_PRIORITY = 5;

export interface RunDeps {
  readonly store: Store;
  readonly changes: Changes;
  readonly advance: Advance;
  readonly handOut: HandOut;
  readonly templates: Templates;
  readonly reads: Pick<Runs, "list">;
  readonly limits: Limits;
}

/** Starts runs and cancels them. */
export function createRunCommands(deps: RunDeps): Pick<Runs, "start" | "cancel"> {
  const { store, changes, handOut, limits } = deps;

  return {
    async start(caller, start) {
      const runId = start.runId ?? newId(store.nowMs());
      return changes.mutate(caller, runLock(caller.ns, runId), async (attempt) => {
        const watchFrom = String(await store.head("runs"));
        const draft = changes.draft(caller.ns);
        const key = runKey(caller.ns, runId);
        if (start.runId === undefined) draft.fresh(key);
        else await draft.load(key);
        const exists = draft.get<Run>(key) !== undefined;
        if (exists && start.ifExists === "fail") throw new Refused({ code: "run_exists", runId });
        if (!exists) await startIn(deps, draft, caller, runId, start);
        const handed = await handOut(draft, attempt);
        const record = recordOf(draft, runId);
        const result = { record, created: !exists, watchFrom };
        return { ...draft.toChange(), ...handed, result };
      });
    },

    async cancel(caller, target, graceMs, expectedRevision) {
      // Each run has its own commit; repeating the call repeats only what is left of it.
      return changes.mutate(caller, `cancel/${caller.ns}/${caller.request?.key}`, async () => {
        const { ids, next } = await idsOf(deps, caller.ns, target);
        const changed: string[] = [];
        const skipped: { id: string; reason: string }[] = [];
        for (const runId of ids) {
          const refusal = await cancelOne(deps, caller, runId, graceMs, expectedRevision);
          if (refusal === undefined) changed.push(runId);
          else skipped.push({ id: runId, reason: refusal });
        }
        const result: BulkResult = { matched: ids.length, changed, skipped, ...(next && { next }) };
        return { result };
      });
    },
  };

  async function cancelOne(
    { advance }: RunDeps,
    caller: Caller,
    runId: string,
    graceMs: number,
    expectedRevision: number | undefined,
  ): Promise<string | undefined> {
    try {
      await changes.change(runLock(caller.ns, runId), async () => {
        const draft = changes.draft(caller.ns);
        await draft.load(runKey(caller.ns, runId));
        const { revision } = recordOf(draft, runId);
        if (expectedRevision !== undefined && expectedRevision !== revision) {
          throw new Refused({ code: "revision_mismatch", resource: `run/${runId}`, revision });
        }
        const reason = caller.reason ?? "cancelled";
        await advance.run(draft, runId, { type: "cancel", reason, graceMs }, caller);
        return { ...draft.toChange(), result: undefined };
      });
      return undefined;
    } catch (error) {
      if (!(error instanceof Refused) || error.refusal.code === "revision_mismatch") throw error;
      return error.refusal.code;
    }
  }

  async function idsOf({ reads }: RunDeps, ns: string, target: RunTarget) {
    if ("ids" in target) return { ids: [...new Set(target.ids)], next: undefined };
    const { filter, after } = target;
    const options = {
      filter,
      limit: limits.page_items,
      oldestFirst: true,
      ...(after && { after }),
    };
    const { items, next } = await reads.list(ns, options);
    return { ids: items.map(({ run }) => run.runId), next };
  }
}

/** Calls that move one run wait for each other. */
export function runLock(ns: string, runId: string): string {
  return `run/${ns}/${runId}`;
}

async function startIn(
  deps: RunDeps,
  draft: Draft,
  caller: Caller,
  runId: string,
  start: StartRun,
) {
  const { templates, advance, limits } = deps;
  const { template, digest } = await templates.get(caller.ns, start.templateId, start.version);
  const timeoutMs = Math.min(template.timeoutMs ?? limits.run_timeout_ms, limits.run_timeout_ms);
  const run = {
    runId,
    templateId: template.templateId,
    templateVersion: template.version,
    templateDigest: digest,
    labels: start.labels,
    priority: start.priority ?? template.priority ?? USUAL_PRIORITY,
    actor: caller.actor,
    traceparent: start.traceparent ?? newTraceparent(),
    deadlineMs: draft.nowMs + timeoutMs,
    ...(start.input !== undefined && { input: start.input }),
  };
  await advance.run(draft, runId, { type: "start", run }, caller);
}

function recordOf(draft: Draft, runId: string): RunRecord {
  const run = draft.get<Run>(runKey(draft.ns, runId));
  if (run === undefined) throw new Refused({ code: "not_found", what: "run", id: runId });
  return { run, revision: draft.revision(runKey(draft.ns, runId)) };
}
