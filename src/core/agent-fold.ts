import type { Agent, AgentEvent } from "./agent.ts";
import { unreachable } from "./errors.ts";

/** The agent after `events`. Total for every list `decideAgent` made. */
export function foldAgent(
  agent: Agent | undefined,
  events: readonly AgentEvent[],
  nowMs: number,
): Agent {
  const fold = (before: Agent | undefined, event: AgentEvent) => evolveAgent(before, event, nowMs);
  return known(events.reduce<Agent | undefined>(fold, agent));
}

/** The agent after `event`. `undefined` is the agent before it was ever registered. */
export function evolveAgent(agent: Agent | undefined, event: AgentEvent, nowMs: number): Agent {
  switch (event.type) {
    case "registered":
      return {
        agentId: event.agentId,
        state: "unspecified",
        statusText: "",
        liveness: "unspecified",
        stateAtMs: nowMs,
        ...agent, // Comes back: states, sequence and epochs go on.
        spec: event.spec,
        registeredAtMs: nowMs,
        removed: false,
      };
    case "updated":
      return { ...known(agent), spec: event.spec };
    case "deregistered":
      return { ...known(agent), removed: true };
    case "session_opened":
      return { ...known(agent), session: event.session };
    case "session_closed":
      return withSessionClosed(known(agent), event.reason, nowMs);
    case "state_changed":
      return withState(known(agent), event, nowMs);
    case "liveness_changed":
      return { ...known(agent), liveness: event.to };
    default:
      return unreachable(event);
  }
}

function withSessionClosed(agent: Agent, closeReason: string, nowMs: number): Agent {
  const { session } = agent;
  if (session === undefined) throw new Error("the end of a session that was never opened");
  return { ...agent, session: { ...session, closedAtMs: nowMs, closeReason } };
}

function withState(
  { details: _, ...agent }: Agent,
  { from, to, statusText, details }: Extract<AgentEvent, { type: "state_changed" }>,
  nowMs: number,
): Agent {
  const stateAtMs = from === to ? agent.stateAtMs : nowMs;
  return {
    ...agent,
    state: to,
    statusText,
    stateAtMs,
    ...(details !== undefined && { details }),
  };
}

function known(agent: Agent | undefined): Agent {
  if (agent === undefined) throw new Error("event of an agent that was never registered");
  return agent;
}
