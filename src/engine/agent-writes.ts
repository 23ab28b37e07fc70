import type { Agent, AgentCommand, AgentEvent, Session } from "../core/agent.ts";
import { decideAgent } from "../core/agent-decide.ts";
import { evolveAgent } from "../core/agent-fold.ts";
import { agentView } from "../core/agent-view.ts";
import { stamp } from "./advance.ts";
import type { Caller } from "./caller.ts";
import type { Draft } from "./draft.ts";
import { agentKey, sessionEndTimer, sessionKey, type Timer } from "./keys.ts";

/**
 * Carries a command through an agent inside a draft: state, entries, its
 * sessions and their leases. Needs nothing loaded.
 *
 * @returns whether anything changed.
 * @throws what the rules refuse.
 */
export async function writeAgent(
  draft: Draft,
  agentId: string,
  command: AgentCommand,
  by: Caller,
): Promise<boolean> {
  const key = agentKey(draft.ns, agentId);
  await draft.load(key);
  const before = draft.get<Agent>(key);
  const events = decideAgent(before, command, draft.nowMs);
  let agent = before;
  for (const event of events) {
    const was = agent;
    agent = evolveAgent(was, event, draft.nowMs);
    draft.put(key, { status: agent.removed ? "removed" : "registered", state: agent });
    draft.entry(key, { event, ...stamp(draft, by), ...views(was, agent) });
    await writeSession(draft, was?.session, agent, event);
  }
  return events.length > 0;
}

async function writeSession(
  draft: Draft,
  was: Session | undefined,
  { agentId, session }: Agent,
  event: AgentEvent,
): Promise<void> {
  const { ns } = draft;
  if (event.type === "session_opened") {
    const { sessionId, epoch: sessionEpoch, leaseMs } = event.session;
    await draft.load(sessionKey(ns, sessionId));
    putSession(draft, event.session);
    draft.openSession({ ns, agentId, sessionEpoch, leaseMs });
  } else if (event.type === "session_closed" && was !== undefined) {
    const { sessionId, epoch, reason } = event;
    await draft.load(sessionKey(ns, sessionId));
    putSession(draft, session ?? { ...was, closedAtMs: draft.nowMs, closeReason: reason });
    draft.endSession({ ns, agentId, sessionEpoch: epoch });
    // Its tasks go back one run at a time: after this commit, and after a crash too.
    const timer: Timer = { type: "session_ended", ns, agentId, sessionId, reason };
    const payload = JSON.stringify(timer);
    draft.due({ ...sessionEndTimer(ns, sessionId), dueAtMs: draft.nowMs, payload });
  }
}

function putSession(draft: Draft, session: Session): void {
  const status = session.closedAtMs === undefined ? "open" : "closed";
  const key = sessionKey(draft.ns, session.sessionId);
  draft.put(key, { status, parent: session.agentId, state: session });
}

function views(was: Agent | undefined, is: Agent) {
  const after = agentView(is);
  const before = was && agentView(was);
  const same = before !== undefined && JSON.stringify(before) === JSON.stringify(after);
  return before === undefined || same ? { is: after } : { was: before, is: after };
}
