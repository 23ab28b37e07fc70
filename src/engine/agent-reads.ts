import type { Agent, Session } from "../core/agent.ts";
import { agentView } from "../core/agent-view.ts";
import { Refused } from "../core/errors.ts";
import { matchesFilter } from "../core/filter.ts";
import { agentReader } from "../core/filter-records.ts";
import type { Limits } from "../core/limits.ts";
import type { Entity, Store } from "../store/store.ts";
import type { AgentRecord, Agents, SessionRecord } from "./agents.ts";
import type { Draft } from "./draft.ts";
import { agentKey, sessionKey } from "./keys.ts";
import { scan } from "./scan.ts";

/** Reads of agents and sessions: always from the store, so that every replica answers the same. */
export function createAgentReads(
  store: Store,
  limits: Limits,
): Pick<Agents, "get" | "list" | "sessions" | "session"> {
  return {
    async get(ns, agentId) {
      const [entity] = await store.load([agentKey(ns, agentId)]);
      const record = entity && agentOf(entity);
      if (record === undefined)
        throw new Refused({ code: "not_found", what: "agent", id: agentId });
      const [known] = await withLeases(store, ns, [record]);
      if (known === undefined) throw new Error("an agent was lost between two lines");
      return known;
    },

    async list(ns, { filter, ...options }) {
      const query = {
        ns,
        kind: "agent",
        status: ["registered"],
        order: "id",
        journal: "agents",
      } as const;
      const page = await scan(store, query, options, limits.page_scan_items, (entity) => {
        const record = agentOf(entity);
        if (record === undefined || filter === undefined) return record;
        const reader = agentReader(record.agent.agentId, agentView(record.agent), record);
        return matchesFilter(filter, reader) ? record : undefined;
      });
      return { ...page, items: await withLeases(store, ns, page.items) };
    },

    async sessions(ns, agentId, options) {
      const query = {
        ns,
        kind: "session",
        parent: agentId,
        order: "newest",
        journal: "agents",
      } as const;
      const page = await scan(store, query, options, limits.page_scan_items, sessionOf);
      const [lease] = await store.leases([{ ns, agentId }]);
      const items = page.items.map((session): SessionRecord => {
        const open = session.closedAtMs === undefined && lease?.sessionEpoch === session.epoch;
        return { session, ...(open && { leaseUntilMs: lease.untilMs }) };
      });
      return { ...page, items };
    },

    async session(ns, sessionId, epoch) {
      const [entity] = await store.load([sessionKey(ns, sessionId)]);
      const named = entity && sessionOf(entity);
      if (named === undefined)
        throw new Refused({ code: "not_found", what: "session", id: sessionId });
      const [owner] = await store.load([agentKey(ns, named.agentId)]);
      const agent = owner && agentOf(owner)?.agent;
      const session = agent?.session;
      if (session !== undefined && session.epoch > epoch) {
        throw new Refused({ code: "session_superseded", sessionId, epoch: session.epoch });
      }
      if (
        agent === undefined ||
        session?.sessionId !== sessionId ||
        session.closedAtMs !== undefined
      ) {
        throw new Refused({ code: "session_closed", sessionId });
      }
      if (session.epoch !== epoch)
        throw new Refused({ code: "not_found", what: "session", id: sessionId });
      return { agent, session };
    },
  };
}

type Plain = Omit<AgentRecord, "slotsUsed" | "leaseUntilMs">;

function agentOf({ state, revision, createdMs, updatedMs }: Entity): Plain | undefined {
  const agent = JSON.parse(state) as Agent;
  return agent.removed ? undefined : { agent, revision, createdMs, updatedMs };
}

function sessionOf({ state }: Entity): Session {
  return JSON.parse(state) as Session;
}

/** Adds what changes without an entry: the leases of sessions and of tasks. */
async function withLeases(
  store: Store,
  ns: string,
  records: readonly Plain[],
): Promise<AgentRecord[]> {
  const leases = await store.leases(records.map(({ agent: { agentId } }) => ({ ns, agentId })));
  return Promise.all(
    records.map(async (record, i) => {
      const { session, agentId, spec } = record.agent;
      const open = session !== undefined && session.closedAtMs === undefined;
      const leaseUntilMs = open ? leases[i]?.untilMs : undefined;
      const slotsUsed = open ? (await leasesOf(store, ns, agentId, spec.slots)).length : 0;
      return { ...record, slotsUsed, ...(leaseUntilMs !== undefined && { leaseUntilMs }) };
    }),
  );
}

/** Ids of the tasks whose leases an agent holds. */
export async function leasesOf(
  store: Store,
  ns: string,
  agentId: string,
  limit: number,
): Promise<string[]> {
  const query = { ns, kind: "lease", parent: agentId, order: "id", limit } as const;
  return (await store.list(query)).entities.map(({ id }) => id);
}

/** The agent as a draft leaves it, for the answer of a mutation. */
export function draftedRecord(draft: Draft, agentId: string, slotsUsed: number): AgentRecord {
  const key = agentKey(draft.ns, agentId);
  const agent = draft.get<Agent>(key);
  if (agent === undefined) throw new Refused({ code: "not_found", what: "agent", id: agentId });
  const open = agent.session !== undefined && agent.session.closedAtMs === undefined;
  return {
    agent,
    revision: draft.revision(key),
    createdMs: draft.createdMs(key) ?? draft.nowMs,
    updatedMs: draft.nowMs,
    slotsUsed,
    ...(open && agent.session && { leaseUntilMs: draft.nowMs + agent.session.leaseMs }),
  };
}
