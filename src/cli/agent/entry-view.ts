import type { AgentEntry } from "../../../gen/opscore/v1/lifecycle_pb.ts";
import type { Format, View } from "../output/view.ts";

/** How entries of the agents journal are shown. */
export const agentEntries: View<AgentEntry> = {
  noun: "entry",
  plural: "entries",
  schema: async () => (await import("../../../gen/opscore/v1/lifecycle_pb.ts")).AgentEntrySchema,
  id: ({ position }) => String(position),
  columns: [
    { head: "TIME", field: "time", width: 12 },
    { head: "AGENT", field: "agentId", width: 16 },
    { head: "SEQ", field: "sequence", alignRight: true },
    { head: "KIND", field: "kind", width: 16 },
    { head: "CHANGE", text: changeOf, width: 20 },
    { head: "ACTOR", field: "actor", wide: true },
    { head: "SESSION", field: "sessionId", wide: true },
    { head: "POSITION", field: "position", wide: true, alignRight: true },
    {
      head: "WORDS",
      text: ({ statusText, reason }) => [statusText, reason].filter(Boolean).join("; "),
    },
  ],
};

function changeOf(entry: AgentEntry, format: Format<AgentEntry>): string {
  switch (format.field(entry, "kind")) {
    case "STATE_CHANGED":
      return `${format.field(entry, "fromState")} -> ${format.field(entry, "toState")}`;
    case "LIVENESS_CHANGED":
      return `${format.field(entry, "fromLiveness")} -> ${format.field(entry, "toLiveness")}`;
    case "SESSION_OPENED":
    case "SESSION_CLOSED":
      return `epoch ${entry.epoch}`;
    default:
      return entry.spec === undefined || entry.spec.version === ""
        ? ""
        : `version ${entry.spec.version}`;
  }
}
