import type { Agent } from "../../../gen/opscore/v1/lifecycle_pb.ts";
import { beginsWith } from "../ids.ts";
import { pairs } from "../output/text.ts";
import type { Format, View } from "../output/view.ts";

/** How agents are shown. */
export const agents: View<Agent> = {
  noun: "agent",
  schema: async () => (await import("../../../gen/opscore/v1/lifecycle_pb.ts")).AgentSchema,
  id: ({ agentId }) => agentId,
  tally: ["state", "liveness"],
  ids: async (ops, prefix, max) => {
    const filter = beginsWith("agent_id", prefix);
    const lifecycle = await ops.lifecycle();
    const page = await lifecycle.listAgents({ filter, pageSize: max });
    return page.agents.map(({ agentId }) => agentId);
  },
  columns: [
    { head: "AGENT", field: "agentId" },
    { head: "STATE", field: "state" },
    { head: "LIVENESS", field: "liveness" },
    { head: "SLOTS", text: ({ slotsUsed, spec }) => `${slotsUsed}/${spec?.slots ?? 1}` },
    { head: "SEEN", field: "seenTime" },
    { head: "VERSION", text: ({ spec }) => spec?.version },
    { head: "CAPABILITIES", text: capabilitiesOf, wide: true },
    { head: "LABELS", text: ({ spec }) => pairs(spec?.labels), wide: true },
    { head: "STATUS", field: "statusText", wide: true },
    { head: "SESSION", text: ({ session }) => session?.sessionId, wide: true },
    { head: "EPOCH", text: ({ session }) => session && String(session.epoch), wide: true },
    { head: "REVISION", field: "revision", wide: true },
    { head: "CREATED", field: "createTime", wide: true },
    { head: "", text: warningOf },
  ],
};

function capabilitiesOf({ spec }: Agent): string {
  return (spec?.capabilities ?? [])
    .map(({ name, version }) => (version === "" ? name : `${name}@${version}`))
    .join(",");
}

/** What an operator should look at. */
function warningOf(agent: Agent, format: Format<Agent>): string | undefined {
  const liveness = format.field(agent, "liveness");
  if (liveness === "LOST") return `! lease expired ${format.time(agent.session?.leaseExpireTime)}`;
  return liveness === "STALLED" ? "! beats, but no progress" : undefined;
}
