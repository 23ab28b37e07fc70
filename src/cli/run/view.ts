import type { Run } from "../../../gen/opscore/v1/workflow_pb.ts";
import { beginsWith } from "../ids.ts";
import { payloadText } from "../output/payload.ts";
import { pairs } from "../output/text.ts";
import { formatSpan, msOf } from "../output/time.ts";
import type { Format, View } from "../output/view.ts";
import { linesOf } from "./step-line.ts";

/** How runs are shown. */
export const runs: View<Run> = {
  noun: "run",
  schema: async () => (await import("../../../gen/opscore/v1/workflow_pb.ts")).RunSchema,
  id: ({ runId }) => runId,
  tally: ["state"],
  ids: async (ops, prefix, max) => {
    const workflow = await ops.workflow();
    const page = await workflow.listRuns({ filter: beginsWith("run_id", prefix), pageSize: max });
    return page.runs.map(({ runId }) => runId);
  },
  columns: [
    { head: "RUN", field: "runId", width: 16 },
    { head: "STATE", field: "state", width: 10 },
    { head: "TEMPLATE", text: templateOf, width: 16 },
    { head: "STARTED", field: "createTime", width: 8 },
    { head: "TOOK", text: tookOf, width: 6 },
    { head: "LABELS", text: ({ labels }) => pairs(labels), wide: true },
    { head: "PRIORITY", field: "priority", wide: true },
    { head: "BY", field: "actor", wide: true },
    { head: "ENDED", field: "endTime", wide: true },
    { head: "TIMES OUT", text: deadlineOf, wide: true },
    { head: "TRACE", field: "traceId", wide: true },
    { head: "REVISION", field: "revision", wide: true },
    { head: "INPUT", text: ({ input }) => payloadText(input), wide: true },
    { head: "OUTPUT", text: ({ output }) => payloadText(output), wide: true },
    {
      head: "FAILURE",
      text: ({ failure }) => failure && `${failure.reason}: ${failure.message}`,
    },
  ],
  details: stepsOf,
};

export function templateOf({ templateId, templateVersion }: Run): string {
  return `${templateId}@${templateVersion}`;
}

/** So far, for one that goes on. */
function tookOf({ createTime, endTime }: Run, { nowMs }: Format<Run>): string {
  if (createTime === undefined) return "";
  const endMs = endTime === undefined ? nowMs : msOf(endTime);
  return formatSpan(Math.max(0, endMs - msOf(createTime)));
}

function deadlineOf({ deadline, endTime }: Run, format: Format<Run>): string {
  return endTime === undefined ? format.time(deadline) : "";
}

/** Only a run in full has steps. */
function stepsOf({ steps }: Run, format: Format<Run>): string {
  if (steps.length === 0) return "";
  const rows = steps.map(({ stepPath, state, startTime, endTime, ...step }) => {
    const word = format.word("steps.state", state);
    return {
      path: stepPath,
      state: word === "RUNNING" && step.agentId === "" ? "QUEUED" : word,
      taskId: step.taskId,
      agentId: step.agentId,
      attempt: step.attempt,
      startMs: startTime && msOf(startTime),
      endMs: endTime && msOf(endTime),
      failure: step.failure,
      waitsFor: [],
    };
  });
  const lines = linesOf(rows, format.nowMs).map(({ glyph, text }) => ` ${glyph} ${text}\n`);
  return `\n${lines.join("")}`;
}
