import type { LogEntry } from "../../../gen/opscore/v1/logging_pb.ts";
import type { View } from "../output/view.ts";
import { levelOf } from "./levels.ts";

/** How log entries are shown. */
export const logEntries: View<LogEntry> = {
  noun: "entry",
  plural: "entries",
  schema: async () => (await import("../../../gen/opscore/v1/logging_pb.ts")).LogEntrySchema,
  id: ({ position }) => String(position),
  columns: [
    { head: "TIME", field: "time", width: 12 },
    { head: "LEVEL", text: ({ severity }) => levelOf(severity), width: 5 },
    { head: "AGENT", field: "agentId", width: 12 },
    { head: "RUN", field: "runId", wide: true, width: 12 },
    { head: "TASK", field: "taskId", wide: true },
    { head: "STEP", field: "stepPath", wide: true },
    { head: "TRACE", field: "traceId", wide: true },
    { head: "ACTOR", field: "actor", wide: true },
    { head: "POSITION", field: "position", wide: true, alignRight: true },
    { head: "OPERATION", field: "operation", width: 16 },
    { head: "MESSAGE", field: "message", marked: true },
    { head: "ATTRIBUTES", text: attributesOf, marked: true },
  ],
};

function attributesOf({ attributes = {} }: LogEntry): string {
  return Object.entries(attributes)
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}
