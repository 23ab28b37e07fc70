import type { Agent, AgentCommand, AgentEvent, Liveness, Session } from "./agent.ts";
import { TRANSITIONS } from "./agent-states.ts";
import { canonicalJson } from "./canonical-json.ts";
import { Refused, unreachable } from "./errors.ts";
import type { Json } from "./json.ts";

type Command<T extends AgentCommand["type"]> = Extract<AgentCommand, { type: T }>;

/**
 * What happens if `command` reaches `agent` at `nowMs`. Pure: same arguments,
 * same events. An empty list means the command is already true, or came too
 * late to matter. Callers who know an id refuse a missing agent first: here
 * nothing names it.
 *
 * @throws {Refused} `not_found`, `agent_in_use`, `session_live`, `session_closed`,
 *   `session_superseded`, `illegal_transition`
 */
export function decideAgent(
  agent: Agent | undefined,
  command: AgentCommand,
  nowMs: number,
): AgentEvent[] {
  switch (command.type) {
    case "register":
      return decideRegister(agent, command);
    case "update":
      return respecified(present(agent), command.spec);
    case "deregister":
      return decideDeregister(present(agent), command);
    case "open_session":
      return decideOpen(present(agent), command, nowMs);
    case "close_session":
      return decideClose(present(agent), command);
    case "report":
      return decideReport(present(agent), command);
    case "check_session":
      return decideCheck(agent, command, nowMs);
    case "heard":
      return decideHeard(present(agent), command);
    default:
      return unreachable(command);
  }
}

function decideRegister(agent: Agent | undefined, command: Command<"register">): AgentEvent[] {
  if (agent !== undefined && !agent.removed) return respecified(agent, command.spec);
  return [{ type: "registered", agentId: command.agentId, spec: command.spec }];
}

function respecified(agent: Agent, spec: Agent["spec"]): AgentEvent[] {
  return readsSame(agent.spec, spec) ? [] : [{ type: "updated", spec }];
}

function decideDeregister(agent: Agent, { force, leases }: Command<"deregister">): AgentEvent[] {
  const { agentId } = agent;
  const message = leases > 0 ? `tasks it holds: ${leases}` : "its session is live";
  if (!force && (leases > 0 || liveSession(agent) !== undefined)) {
    throw new Refused({ code: "agent_in_use", agentId, message });
  }
  return [...ended(agent, "deregistered"), { type: "deregistered" }];
}

function decideOpen(agent: Agent, command: Command<"open_session">, nowMs: number): AgentEvent[] {
  const { agentId, session: last, state, statusText, liveness } = agent;
  const { sessionId, leaseMs, peer } = command;
  if (last?.sessionId === sessionId) return [];
  const live = liveSession(agent);
  if (command.ifLive === "fail" && live !== undefined) {
    throw new Refused({ code: "session_live", agentId, retryAfterMs: live.leaseMs });
  }
  const epoch = (last?.epoch ?? 0) + 1;
  const session: Session = { sessionId, agentId, epoch, leaseMs, openedAtMs: nowMs, peer };
  const events: AgentEvent[] = isOpen(last) ? [closed(last, "superseded")] : [];
  events.push({ type: "session_opened", session });
  if (state !== "initializing" || statusText !== "" || agent.details !== undefined) {
    events.push({ type: "state_changed", from: state, to: "initializing", statusText: "" });
  }
  return [...events, ...observed(liveness, "live")];
}

function decideClose(agent: Agent, command: Command<"close_session">): AgentEvent[] {
  const session = fenced(agent, command);
  return isOpen(session) ? ended(agent, command.reason) : [];
}

function decideReport(agent: Agent, command: Command<"report">): AgentEvent[] {
  const heard = command.session === undefined ? [] : beat(agent, command.session, "live");
  const { agentId, state: from } = agent;
  const { state: to, statusText, details, eventTimeMs } = command;
  if (from !== to && !TRANSITIONS[from].includes(to)) {
    throw new Refused({ code: "illegal_transition", agentId, from, to });
  }
  const isKnown = statusText === agent.statusText && readsSame(details, agent.details);
  if (from === to && isKnown) return heard;
  return [
    ...heard,
    {
      type: "state_changed",
      from,
      to,
      statusText,
      ...(details !== undefined && { details }),
      ...(eventTimeMs !== undefined && { eventTimeMs }),
    },
  ];
}

function decideHeard(agent: Agent, command: Command<"heard">): AgentEvent[] {
  return beat(agent, command, command.stalled ? "stalled" : "live");
}

/** Silence counts from the last beat: half a lease makes an agent suspect, a whole one lost. */
function decideCheck(
  agent: Agent | undefined,
  { epoch, untilMs, leaseMs }: Command<"check_session">,
  nowMs: number,
): AgentEvent[] {
  if (agent?.session?.epoch !== epoch || !isOpen(agent.session)) return [];
  if (agent.liveness === "lost") return [];
  if (nowMs >= untilMs) return observed(agent.liveness, "lost");
  return nowMs >= untilMs - leaseMs / 2 ? observed(agent.liveness, "suspect") : [];
}

/** A sign of life of a session. Only its present, open session can give one. */
function beat(agent: Agent, sender: Sender, to: Liveness): AgentEvent[] {
  const session = fenced(agent, sender);
  if (!isOpen(session)) throw new Refused({ code: "session_closed", sessionId: sender.sessionId });
  return observed(agent.liveness, to);
}

interface Sender {
  readonly sessionId: string;
  readonly epoch: number;
}

/** The agent's latest session, if `sender` is that one. */
function fenced({ session }: Agent, { sessionId, epoch }: Sender): Session {
  if (session !== undefined && epoch < session.epoch) {
    throw new Refused({ code: "session_superseded", sessionId, epoch: session.epoch });
  }
  if (session?.sessionId !== sessionId || session.epoch !== epoch) {
    throw new Refused({ code: "not_found", what: "session", id: sessionId });
  }
  return session;
}

/** The end of the agent's open session, if there is one, and what it means for the agent. */
function ended(agent: Agent, reason: string): AgentEvent[] {
  const events: AgentEvent[] = isOpen(agent.session) ? [closed(agent.session, reason)] : [];
  if (agent.state !== "offline") {
    events.push({ type: "state_changed", from: agent.state, to: "offline", statusText: "" });
  }
  return [...events, ...observed(agent.liveness, "unspecified")];
}

function closed({ sessionId, epoch }: Session, reason: string): AgentEvent {
  return { type: "session_closed", sessionId, epoch, reason };
}

function observed(from: Liveness, to: Liveness): AgentEvent[] {
  return from === to ? [] : [{ type: "liveness_changed", from, to }];
}

function isOpen(session: Session | undefined): session is Session {
  return session !== undefined && session.closedAtMs === undefined;
}

/** The session, if it may still work: its lease has not run out. */
function liveSession({ session, liveness }: Agent): Session | undefined {
  return isOpen(session) && liveness !== "lost" ? session : undefined;
}

/** Whether two values are the same as JSON: the order of keys makes no difference. */
function readsSame(a: unknown, b: unknown): boolean {
  return canonicalJson(a as Json) === canonicalJson(b as Json);
}

function present(agent: Agent | undefined): Agent {
  if (agent === undefined || agent.removed) {
    throw new Refused({ code: "not_found", what: "agent", id: agent?.agentId ?? "" });
  }
  return agent;
}
