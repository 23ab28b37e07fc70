import type { Agent, AgentView } from "./agent.ts";

/** The fields of an agent that filters can name. */
export function agentView({ state, liveness, spec }: Agent): AgentView {
  return {
    state,
    liveness,
    ...(spec.version !== undefined && { version: spec.version }),
    labels: spec.labels,
    capabilities: spec.capabilities.map(({ name }) => name),
  };
}

/** Why an agent gets no tasks. */
export type Unselectable =
  | "removed"
  | "no_session"
  | "suspect"
  | "stalled"
  | "lost"
  | "error"
  | "draining"
  | "offline";

/** `true` if the agent may be handed tasks now, else the first reason why not. */
export function isSelectable({ removed, session, liveness, state }: Agent): true | Unselectable {
  if (removed) return "removed";
  const isOpen = session !== undefined && session.closedAtMs === undefined;
  if (!isOpen || liveness === "unspecified") return "no_session";
  if (liveness !== "live") return liveness;
  return state === "error" || state === "draining" || state === "offline" ? state : true;
}
