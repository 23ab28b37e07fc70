import type { Session } from "../core/agent.ts";
import { Refused } from "../core/errors.ts";
import type { Task } from "../core/task.ts";
import type { Store } from "../store/store.ts";
import { draftedRecord, leasesOf } from "./agent-reads.ts";
import { agentLock, draftOf, openIn } from "./agent-registry.ts";
import { writeAgent } from "./agent-writes.ts";
import type { Agents } from "./agents.ts";
import type { Beats } from "./beats.ts";
import { refuseOther, system } from "./caller.ts";
import type { Changes } from "./changes.ts";
import { sessionKey, taskKey } from "./keys.ts";

export interface SessionDeps {
  readonly store: Store;
  readonly changes: Changes;
  readonly beats: Beats;
  readonly reads: Pick<Agents, "session">;
  readonly slotsMax: number;
}

/** Opens and closes sessions, and hears their beats. */
export function createSessions({
  store,
  changes,
  beats,
  reads,
  slotsMax,
}: SessionDeps): Pick<Agents, "openSession" | "closeSession" | "beat"> {
  return {
    async openSession(caller, agentId, options) {
      return changes.mutate(caller, agentLock(caller.ns, agentId), async () => {
        const draft = await draftOf(changes, caller.ns, agentId);
        await openIn(draft, caller, agentId, options);
        const { agent, leaseUntilMs } = draftedRecord(draft, agentId, 0);
        if (agent.session === undefined) throw new Error("opening a session left none");
        const lease = leaseUntilMs === undefined ? {} : { leaseUntilMs };
        return { ...draft.toChange(), result: { session: agent.session, ...lease } };
      });
    },

    async closeSession(caller, sessionId, epoch) {
      const [entity] = await store.load([sessionKey(caller.ns, sessionId)]);
      if (entity === undefined)
        throw new Refused({ code: "not_found", what: "session", id: sessionId });
      const { agentId } = JSON.parse(entity.state) as Session;
      refuseOther(caller, agentId);
      return changes.mutate(caller, agentLock(caller.ns, agentId), async () => {
        const draft = await draftOf(changes, caller.ns, agentId);
        const reason = caller.reason ?? "closed";
        const command = { type: "close_session", sessionId, epoch, reason } as const;
        await writeAgent(draft, agentId, command, caller);
        const tasksRequeued = await heldBy(store, caller.ns, agentId, sessionId, slotsMax);
        return { ...draft.toChange(), result: { tasksRequeued } };
      });
    },

    async beat(caller, { agentId, sessionId, epoch, state, statusText = "", held }) {
      const { agent, session } = await reads.session(caller.ns, sessionId, epoch);
      refuseOther(caller, agent.agentId);
      if (agent.agentId !== agentId) {
        throw new Refused({ code: "not_found", what: "session", id: sessionId });
      }
      const beat = await beats.beat(caller.ns, agent, held);
      if (beat === undefined) {
        throw new Refused({ code: "session_superseded", sessionId, epoch: session.epoch + 1 });
      }
      const { stalled, ...answer } = beat;
      const says =
        state !== undefined && (state !== agent.state || statusText !== agent.statusText);
      if (agent.liveness === (stalled ? "stalled" : "live") && !says) return answer;
      return changes.change(agentLock(caller.ns, agentId), async () => {
        const draft = await draftOf(changes, caller.ns, agentId);
        const heard = { type: "heard", sessionId, epoch, stalled } as const;
        await writeAgent(draft, agentId, heard, system(caller.ns));
        const report = { type: "report", state: state ?? agent.state, statusText } as const;
        if (says) await writeAgent(draft, agentId, report, caller);
        return { ...draft.toChange(), result: answer };
      });
    },
  };
}

/** How many tasks a session holds. */
async function heldBy(
  store: Store,
  ns: string,
  agentId: string,
  sessionId: string,
  limit: number,
): Promise<number> {
  const ids = await leasesOf(store, ns, agentId, limit);
  const tasks = await store.load(ids.map((taskId) => taskKey(ns, taskId)));
  return tasks.filter(
    (entity) => entity !== undefined && (JSON.parse(entity.state) as Task).sessionId === sessionId,
  ).length;
}
