import type { RunEntry } from "../../../gen/opscore/v1/workflow_pb.ts";
import type { Format, View } from "../output/view.ts";

/** How entries of the runs journal are shown. */
export const runEntries: View<RunEntry> = {
  noun: "entry",
  plural: "entries",
  schema: async () => (await import("../../../gen/opscore/v1/workflow_pb.ts")).RunEntrySchema,
  id: ({ position }) => String(position),
  columns: [
    { head: "TIME", field: "time", width: 12 },
    { head: "RUN", field: "runId", width: 16 },
    { head: "SEQ", field: "sequence", alignRight: true },
    { head: "KIND", field: "kind", width: 8 },
    { head: "STEP", field: "stepPath", width: 12 },
    { head: "CHANGE", text: changeOf, width: 22 },
    { head: "AGENT", text: ({ body }) => (body.case === "task" ? body.value.agentId : "") },
    { head: "ACTOR", field: "actor", wide: true },
    {
      head: "TASK",
      text: ({ body }) => (body.case === "task" ? body.value.taskId : ""),
      wide: true,
    },
    { head: "POSITION", field: "position", wide: true, alignRight: true },
    { head: "WORDS", text: wordsOf },
  ],
};

function changeOf({ body }: RunEntry, format: Format<RunEntry>): string {
  if (body.case === undefined) return "";
  if (body.case === "template") return `${body.value.templateId}@${body.value.version}`;
  const state = (name: string, value: number) => (value === 0 ? "" : format.word(name, value));
  const from = state(`${body.case}.fromState`, body.value.fromState);
  const to = state(`${body.case}.toState`, body.value.toState);
  return from === "" ? to : `${from} -> ${to}`;
}

/** What else there is to say, for people. */
function wordsOf({ body, reason }: RunEntry): string {
  const attempt = body.case === "task" && body.value.attempt > 0 && `attempt ${body.value.attempt}`;
  const failure = body.case !== "template" && body.value?.failure;
  const why = failure && `${failure.reason}: ${failure.message}`;
  return [attempt, why, reason].filter(Boolean).join("; ");
}
