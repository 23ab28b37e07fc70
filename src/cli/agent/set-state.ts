import { usage } from "../cli-error.ts";
import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { REQUEST_ID_OPTION } from "../options.ts";
import type { View } from "../output/view.ts";
import { agents } from "./view.ts";
import { AGENT_STATES } from "./words.ts";

interface StateSet {
  readonly agentId: string;
  readonly state: string;
  readonly liveness: string;
  readonly revision: number;
}

const statesSet: View<StateSet> = {
  noun: "agent",
  id: ({ agentId }) => agentId,
  columns: [
    { head: "AGENT", field: "agentId" },
    { head: "STATE", field: "state" },
    { head: "LIVENESS", field: "liveness" },
    { head: "REVISION", field: "revision" },
  ],
};

export const agentSetState = command({
  path: "agent set-state",
  summary: "report a state in an agent's place",
  description:
    "Report a state in an agent's place, without a session: for gateways, scripts and operators. An agent that lives goes on to report its own.",
  arguments: {
    agent: { about: "its id, or the beginning of it" },
    state: { about: "the state; UNSPECIFIED leaves it as it is", choices: AGENT_STATES },
  },
  options: {
    text: { value: "TEXT", about: "the agent's own words about it, at most 1 KiB" },
    reason: { value: "TEXT", about: "why, for people" },
    requestId: REQUEST_ID_OPTION,
  },
  prints: statesSet,
  examples: [
    {
      run: "opscore agent set-state writer waiting --text 'for approval'",
      shows: /AGENT +writer\nSTATE +WAITING\nLIVENESS +LIVE\n/,
    },
    {
      run: "opscore agent set-state writer initializing",
      about: "not every change is legal",
      shows: /\(ILLEGAL_TRANSITION\)/,
      exit: "conflict",
    },
  ],
  exits: [...CALL_EXITS, "notFound", "conflict"],
  async run(context, { agent, state, text = "", reason = "", requestId = "" }) {
    if (state === "UNSPECIFIED" && text === "") throw usage("UNSPECIFIED needs a --text");
    const lifecycle = await context.ops.lifecycle();
    const { AgentState, AgentStateSchema, LivenessSchema } = await import(
      "../../../gen/opscore/v1/lifecycle_pb.ts"
    );
    const set = await byId(agents, context.ops, agent, async (agentId) => {
      const report = { agentId, state: AgentState[state], statusText: text, reason };
      return { agentId, ...(await lifecycle.reportState({ report, requestId })) };
    });
    await context.print.one({
      agentId: set.agentId,
      state: AgentStateSchema.value[set.state]?.localName ?? "",
      liveness: LivenessSchema.value[set.liveness]?.localName ?? "",
      revision: set.revision,
    });
  },
});
