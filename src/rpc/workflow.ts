import {
  type ControlRunsRequest,
  IfRunExists,
  type StartRunReceiptSchema,
  type StartRunRequest,
  StartRunRequestSchema,
  type StartRunResultSchema,
  WorkflowService,
} from "../../gen/opscore/v1/workflow_pb.ts";
import { Refused } from "../core/errors.ts";
import { RUN_FIELDS } from "../core/filter-fields.ts";
import { parseFilter } from "../core/filter-parse.ts";
import type { Engine } from "../engine/engine.ts";
import type { BulkResult, RunTarget, StartRun } from "../engine/runs.ts";
import { eachItem } from "./batch.ts";
import type { Call, Handlers } from "./call.ts";
import { mutatorOf, resultOf, waitOf } from "./caller.ts";
import { fromDuration, fromPayload, type Init, required, textOrNothing } from "./convert.ts";
import { toRun } from "./convert-run.ts";
import { createCursors } from "./cursor.ts";
import { skippedReason, toItemError } from "./errors.ts";
import { createPageTokens } from "./page-token.ts";
import { validItem } from "./validate-item.ts";
import { fullRun, workflowReads } from "./workflow-reads.ts";
import { workflowTemplates } from "./workflow-templates.ts";
import { workflowWatches } from "./workflow-watch.ts";

type Workflow = Handlers<typeof WorkflowService>;

const METHOD = WorkflowService.method;

/** How long agents may take to stop when the caller does not say. */
const GRACE_MS = 30_000;

/** Templates and runs on the wire. */
export function workflowHandlers(engine: Engine): Workflow {
  return {
    ...workflowTemplates(engine),
    ...starts(engine),
    ...controls(engine),
    ...workflowReads(engine),
    ...workflowWatches(engine),
  };
}

function starts(engine: Engine): Pick<Workflow, "startRun" | "startRuns"> {
  const { runs, journals, limits } = engine;

  async function start(message: StartRunRequest, pointer: string, call: Call) {
    const wanted = fromStart(message, pointer, call, engine);
    return runs.start(mutatorOf(call, METHOD.startRun, message), wanted);
  }

  return {
    async startRun(message, call) {
      const ns = call.namespace;
      const { record, created, watchFrom } = resultOf(call, await start(message, "", call));
      const { runId } = record.run;
      const cursors = createCursors(journals, { journal: "runs", ns, runId, filter: "" });
      const answer = { created, watchFrom: cursors.seal({ position: BigInt(watchFrom) }) };
      if (message.wait === undefined) return { ...answer, run: toRun(record) };
      const signal = AbortSignal.any([call.signal, waitOf(call, message.wait, limits)]);
      await runs.wait(ns, runId, { ended: true }, signal);
      return { ...answer, run: await fullRun(engine, ns, runId) };
    },

    async startRuns({ runs: items }, call) {
      const results = await eachItem(
        items,
        (item, index) => item.runId || `${index}`,
        async (item, index) => {
          const pointer = `/runs/${index}`;
          const message = validItem(StartRunRequestSchema, item, pointer);
          const { record, created } = (await start(message, pointer, call)).result;
          const { run, revision } = record;
          return receipt({ runId: run.runId, created, revision });
        },
        refusal,
      );
      return { results };
    },
  };
}

function receipt(value: Init<typeof StartRunReceiptSchema>): Init<typeof StartRunResultSchema> {
  return { result: { case: "receipt", value } };
}

function refusal(error: Refused): Init<typeof StartRunResultSchema> {
  return { result: { case: "error", value: toItemError(error) } };
}

/** @throws {Refused} `too_large`, `invalid_field`. */
function fromStart(
  message: StartRunRequest,
  pointer: string,
  { headers }: Call,
  { limits }: Engine,
): StartRun {
  const { runId, templateId, version, priority } = message;
  const input = fromPayload(message.input, `${pointer}/input`, limits);
  const traceparent = textOrNothing(message.traceparent) ?? traceOf(headers);
  return {
    ...(runId !== "" && { runId }),
    templateId,
    ...(version !== "" && { version }),
    ...(input !== undefined && { input }),
    labels: message.labels,
    ifExists: message.ifExists === IfRunExists.RETURN ? "return" : "fail",
    ...(priority !== 0 && { priority }),
    ...(traceparent !== undefined && { traceparent }),
  };
}

/** The trace of the call; a header that is none is left alone. */
function traceOf(headers: Headers): string | undefined {
  const traceparent = headers.get("traceparent");
  return traceparent !== null && TRACEPARENT.test(traceparent) ? traceparent : undefined;
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

function controls({ runs, journals }: Engine): Pick<Workflow, "controlRuns"> {
  return {
    async controlRuns(message, call) {
      const { action, expectedRevision, reason } = message;
      const filter = message.target?.target.case === "filter" ? message.target.target.value : "";
      const tokens = createPageTokens(journals, "ControlRuns", call.namespace, filter);
      const target = fromTarget(message, tokens.item(message.target?.pageToken ?? ""), journals);
      const { grace } = required(action.value, "/cancel");
      const answer = await runs.cancel(
        mutatorOf(call, METHOD.controlRuns, message, reason),
        target,
        fromDuration(grace) ?? GRACE_MS,
        expectedRevision === 0 ? undefined : expectedRevision,
      );
      return { result: toBulkResult(resultOf(call, answer), tokens.ofItem) };
    },
  };
}

/** @throws {Refused} `empty_target`, `invalid_filter`. */
function fromTarget(
  { target }: ControlRunsRequest,
  after: { readonly id: string; readonly createdMs: number } | undefined,
  journals: Engine["journals"],
): RunTarget {
  const named = target?.target;
  if (named?.case === "ids" && named.value.ids.length > 0) return { ids: named.value.ids };
  const filter =
    named?.case === "filter" ? parseFilter(named.value, RUN_FIELDS, journals.nowMs()) : undefined;
  if (filter === undefined) throw new Refused({ code: "empty_target" });
  return { filter, ...(after && { after }) };
}

function toBulkResult(
  { matched, changed, skipped, next }: BulkResult,
  tokenOf: (next: BulkResult["next"]) => string,
) {
  return {
    matched,
    changed: [...changed],
    skipped: skipped.map(({ id, reason }) => ({ id, reason: skippedReason(reason) })),
    nextPageToken: tokenOf(next),
  };
}
