import type { Run } from "../../../gen/opscore/v1/workflow_pb.ts";
import { CliError, usage } from "../cli-error.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { allOf } from "../filters.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { REQUEST_ID_OPTION } from "../options.ts";
import { timestampOf } from "../output/time.ts";
import type { View } from "../output/view.ts";
import { pages } from "../pages.ts";
import { parseDuration } from "../values.ts";
import { SELECT_OPTIONS, selectionOf } from "./select.ts";
import { runs } from "./view.ts";

/** The most that the contract cancels at once. */
const BATCH_MAX = 1_000;

/** What became of one run that was to be cancelled. */
interface Outcome {
  readonly runId: string;
  /** The reason of one that was left alone. */
  readonly result: "CANCELLED" | "WOULD_BE_CANCELLED" | string;
}

const outcomes: View<Outcome> = {
  noun: "run",
  tally: ["result"],
  id: ({ runId }) => runId,
  columns: [
    { head: "RUN", field: "runId" },
    { head: "RESULT", field: "result" },
  ],
};

interface Cancellation {
  readonly graceMs: number | undefined;
  readonly reason: string;
  readonly requestId: string;
}

export const runCancel = command({
  path: "run cancel",
  summary: "cancel runs, by id or those that flags select",
  description:
    "Cancel runs, by id or those that flags select, after a question that --yes answers. Agents are told to stop; a run is cancelled when they have, or when --grace has passed. With --dry-run it says which runs it would be.",
  arguments: {
    run: { about: "ids, or the beginnings of them", optional: true, many: true },
  },
  options: {
    ...SELECT_OPTIONS,
    grace: {
      value: "DURATION",
      about: "how long agents may take to stop (default 30s)",
      parse: parseDuration,
    },
    reason: { value: "TEXT", about: "why, for people" },
    requestId: REQUEST_ID_OPTION,
  },
  prints: outcomes,
  examples: [
    {
      run: "opscore run cancel --template report --dry-run",
      about: "what it would be",
      shows: /^would cancel 1 run \(report-1\)\n$/,
    },
    { run: "opscore run cancel rep --reason 'no more tea'", shows: /report-1 +CANCELLED\n/ },
    {
      run: "opscore run cancel sum-1",
      about: "what is over stays",
      shows: /error: run sum-1 has ended \(RUN_ENDED\)/,
      exit: "conflict",
    },
    {
      run: "opscore run cancel --filter 'priority < 9' --since 1h --grace 5s --yes -o id",
      about: "all of the last hour, without a question",
      shows: /^$/,
    },
  ],
  exits: [...CALL_EXITS, "notFound", "conflict"],
  async run(context, { run: typed, grace, reason = "", requestId = "", ...selection }) {
    const how = { graceMs: grace, reason, requestId };
    const filter = await selectionOf(context.ops, selection);
    if (typed.length > 0 && filter !== "") throw usage("name runs or select them, not both");
    if (typed.length > 0) return await cancelNamed(context, typed, how);
    if (filter === "") {
      throw usage(
        "which runs?",
        "name them, or select them with --filter, --template, --label, --since or --until",
      );
    }
    await cancelSelected(context, allOf(filter, 'state == "RUNNING"'), how);
  },
});

/** Whole ids cost one call together; only what is not known is looked for by its beginning. */
async function cancelNamed(
  context: Context<Outcome>,
  typed: readonly string[],
  how: Cancellation,
): Promise<void> {
  const workflow = await context.ops.workflow();
  const idOf = async (id: string) => {
    const { run } = await byId(runs, context.ops, id, (runId) => workflow.getRun({ runId }));
    return run;
  };
  if (context.isDryRun) {
    const found: Run[] = [];
    for (const id of typed) {
      const run = await idOf(id);
      if (run !== undefined) found.push(run);
    }
    return await sayWhich(
      context,
      found.filter(({ endTime }) => endTime === undefined),
    );
  }
  const first = await cancelAll(context, typed, how);
  const unknown = first.filter(({ result }) => result === "RUN_NOT_FOUND");
  const known = first.filter(({ result }) => result !== "RUN_NOT_FOUND");
  const meant: string[] = [];
  try {
    for (const { runId } of unknown) meant.push((await idOf(runId))?.runId ?? runId);
  } catch (error) {
    // What is done is told before what cannot be.
    await context.print.all(known);
    throw error;
  }
  const again = { ...how, requestId: how.requestId && `${how.requestId}.prefixes` };
  const done = [...known, ...(await cancelAll(context, meant, again))];
  await context.print.all(done);
  const left = done.find(({ result }) => result !== "CANCELLED");
  if (left === undefined) return;
  throw new CliError("conflict", `run ${left.runId} has ended`, { reason: left.result });
}

/** Cancels what was there when it was asked about, and nothing that came after. */
async function cancelSelected(
  context: Context<Outcome>,
  filter: string,
  how: Cancellation,
): Promise<void> {
  const workflow = await context.ops.workflow();
  const found: Run[] = [];
  const listed = pages<Run>(
    async (pageSize, pageToken) => {
      const page = await workflow.listRuns({ filter, pageSize, pageToken });
      return { items: page.runs, next: page.nextPageToken };
    },
    { limit: Number.POSITIVE_INFINITY },
    context.more,
  );
  for await (const run of listed) found.push(run);
  if (context.isDryRun) return await sayWhich(context, found);
  if (found.length > 0) await context.confirm(`Cancel ${nameOf(found)}?`);
  const ids = found.map(({ runId }) => runId);
  await context.print.all(await cancelAll(context, ids, how));
}

async function cancelAll(
  context: Context<Outcome>,
  ids: readonly string[],
  { graceMs, reason, requestId }: Cancellation,
): Promise<readonly Outcome[]> {
  const workflow = await context.ops.workflow();
  const grace = graceMs === undefined ? {} : { grace: timestampOf(graceMs) };
  const done: Outcome[] = [];
  for (let from = 0; from < ids.length; from += BATCH_MAX) {
    const batch = ids.slice(from, from + BATCH_MAX);
    const { result } = await workflow.controlRuns({
      target: { target: { case: "ids", value: { ids: batch } } },
      action: { case: "cancel", value: grace },
      reason,
      // Each call has its own.
      requestId: requestId && from > 0 ? `${requestId}.${from}` : requestId,
    });
    for (const runId of result?.changed ?? []) done.push({ runId, result: "CANCELLED" });
    for (const { id, reason } of result?.skipped ?? []) done.push({ runId: id, result: reason });
  }
  return done;
}

async function sayWhich(context: Context<Outcome>, found: readonly Run[]): Promise<void> {
  if (context.print.isTable) return await context.write(`would cancel ${nameOf(found)}\n`);
  await context.print.all(found.map(({ runId }) => ({ runId, result: "WOULD_BE_CANCELLED" })));
}

/** `14 runs (newest 8a0, oldest 71f)`. */
function nameOf(found: readonly Run[]): string {
  const [newest, oldest] = [found[0]?.runId, found.at(-1)?.runId];
  if (newest === undefined) return "no runs";
  if (found.length === 1) return `1 run (${newest})`;
  return `${found.length} runs (newest ${newest}, oldest ${oldest})`;
}
