import type { Run, RunEntry } from "../../../gen/opscore/v1/workflow_pb.ts";
import type { Context } from "../context.ts";
import { createFormat } from "../output/format.ts";
import { toSafeJson } from "../output/text.ts";
import { formatSpan, msOf } from "../output/time.ts";
import type { Format } from "../output/view.ts";
import { awaitEnd, refuseUnlessSucceeded } from "./await.ts";
import { drawUntilEnd, type HeadOf } from "./draw.ts";
import { linesOf } from "./step-line.ts";
import { createSteps, ENDED, type Steps } from "./steps.ts";
import { templateOf } from "./view.ts";

/** Of these one line each is said where nothing moves. */
const TOLD = new Set(["RUNNING", "RETRY_WAIT", "FALLING_BACK", ...ENDED]);

/**
 * Shows the steps of a run on standard error until it ends: in place at a
 * terminal, line by line elsewhere. Then prints what came of it.
 *
 * @throws {CliError} when the run did not end well.
 */
export async function showUntilEnd(context: Context<Run>, run: Run): Promise<void> {
  const { templateId, templateVersion: version } = run;
  const workflow = await context.ops.workflow();
  const { RunEntrySchema, RunSchema } = await import("../../../gen/opscore/v1/workflow_pb.ts");
  const { version: found } = await workflow.getTemplate({ templateId, version });
  const steps = createSteps(found?.template, createFormat<RunEntry>(RunEntrySchema, "relative"));
  const format = createFormat<Run>(RunSchema, "relative");
  const head = (run: Run) => headOf(run, format);
  const ended = context.isWatched
    ? await drawUntilEnd(context, run, steps, head)
    : await tellUntilEnd(context, run, steps, head);
  await printOutcome(context, ended);
  await refuseUnlessSucceeded(ended);
}

function headOf(run: Run, format: Format<Run>): string {
  const { createTime, endTime } = run;
  const endMs = endTime === undefined ? format.nowMs : msOf(endTime);
  const took = createTime === undefined ? 0 : Math.max(0, endMs - msOf(createTime));
  return `${run.runId}  ${templateOf(run)}  ${format.field(run, "state")}  ${formatSpan(took)}`;
}

/** One line for what happens to a step, in the time of the server. */
async function tellUntilEnd(
  context: Context<Run>,
  run: Run,
  steps: Steps,
  head: HeadOf,
): Promise<Run> {
  context.note(`${run.runId}  ${templateOf(run)}`);
  const width = Math.max(0, ...steps.rows().map(({ path }) => path.length));
  const ended = await awaitEnd(context, run.runId, (entries) => {
    for (const entry of entries) {
      const row = steps.apply(entry);
      if (row === undefined || entry.time === undefined || !TOLD.has(row.state)) continue;
      const [line] = linesOf([{ ...row, path: row.path.padEnd(width) }], msOf(entry.time));
      context.note(` ${line?.glyph} ${line?.text}`);
    }
  });
  context.note(head(ended));
  return ended;
}

/** For people the steps have been shown: what is left to say is the output. */
async function printOutcome({ print, write }: Context<Run>, run: Run): Promise<void> {
  if (!print.isTable) return await print.one(run);
  if (run.output?.data.case !== "json") return;
  const { toJson } = await import("@bufbuild/protobuf");
  const { ValueSchema } = await import("@bufbuild/protobuf/wkt");
  await write(`${toSafeJson(toJson(ValueSchema, run.output.data.value), 2)}\n`);
}
