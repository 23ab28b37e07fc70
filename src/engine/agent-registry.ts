import type { Agent } from "../core/agent.ts";
import { Refused } from "../core/errors.ts";
import type { Store } from "../store/store.ts";
import { draftedRecord, leasesOf } from "./agent-reads.ts";
import { writeAgent } from "./agent-writes.ts";
import type { AgentRecord, Agents, SessionOptions } from "./agents.ts";
import type { Caller } from "./caller.ts";
import type { Changes } from "./changes.ts";
import type { Draft } from "./draft.ts";
import { newId } from "./ids.ts";
import { agentKey } from "./keys.ts";

export interface RegistryDeps {
  readonly store: Store;
  readonly changes: Changes;
  /** Most leases an agent can hold. */
  readonly slotsMax: number;
}

/** Changes of registrations, and the states that agents report. */
export function createRegistry({
  store,
  changes,
  slotsMax,
}: RegistryDeps): Pick<Agents, "register" | "update" | "deregister" | "report"> {
  const slotsUsed = async (ns: string, agentId: string) =>
    (await leasesOf(store, ns, agentId, slotsMax)).length;

  return {
    async register(caller, { agentId = newId(store.nowMs()), spec, open }) {
      return changes.mutate(caller, agentLock(caller.ns, agentId), async () => {
        const draft = changes.draft(caller.ns);
        await draft.load(agentKey(caller.ns, agentId));
        const before = draft.get<Agent>(agentKey(caller.ns, agentId));
        await writeAgent(draft, agentId, { type: "register", agentId, spec }, caller);
        if (open !== undefined) await openIn(draft, caller, agentId, open);
        const record = draftedRecord(draft, agentId, await slotsUsed(caller.ns, agentId));
        const created = before === undefined || before.removed;
        return { ...draft.toChange(), result: { record, created } };
      });
    },

    async update(caller, agentId, edit, expectedRevision) {
      return changes.mutate(caller, agentLock(caller.ns, agentId), async () => {
        const draft = await draftOf(changes, caller.ns, agentId);
        const used = await slotsUsed(caller.ns, agentId);
        const { revision, agent } = draftedRecord(draft, agentId, used);
        if (expectedRevision !== undefined && expectedRevision !== revision) {
          throw new Refused({ code: "revision_mismatch", resource: `agent/${agentId}`, revision });
        }
        await writeAgent(draft, agentId, { type: "update", spec: edit(agent.spec) }, caller);
        return { ...draft.toChange(), result: draftedRecord(draft, agentId, used) };
      });
    },

    async deregister(caller, agentId, force) {
      return changes.mutate(caller, agentLock(caller.ns, agentId), async () => {
        const draft = await draftOf(changes, caller.ns, agentId);
        const leases = await slotsUsed(caller.ns, agentId);
        await writeAgent(draft, agentId, { type: "deregister", force, leases }, caller);
        return { ...draft.toChange(), result: draftedRecord(draft, agentId, leases) };
      });
    },

    async report(caller, { agentId, state, ...report }) {
      return changes.mutate(caller, agentLock(caller.ns, agentId), async () => {
        const draft = await draftOf(changes, caller.ns, agentId);
        const present = draftedRecord(draft, agentId, 0).agent;
        const command = { type: "report", ...report, state: state ?? present.state } as const;
        await writeAgent(draft, agentId, command, caller);
        if (report.session !== undefined) renew(draft, present);
        const { revision, agent } = draftedRecord(draft, agentId, 0);
        const { liveness } = agent;
        return { ...draft.toChange(), result: { revision, state: agent.state, liveness } };
      });
    },
  };
}

/** Calls about one agent wait for each other. */
export function agentLock(ns: string, agentId: string): string {
  return `agent/${ns}/${agentId}`;
}

/** A draft with the agent loaded. @throws {Refused} `not_found`. */
export async function draftOf(changes: Changes, ns: string, agentId: string): Promise<Draft> {
  const draft = changes.draft(ns);
  await draft.load(agentKey(ns, agentId));
  const agent = draft.get<AgentRecord["agent"]>(agentKey(ns, agentId));
  if (agent === undefined || agent.removed) {
    throw new Refused({ code: "not_found", what: "agent", id: agentId });
  }
  return draft;
}

/** Opens a session inside a draft. */
export async function openIn(
  draft: Draft,
  caller: Caller,
  agentId: string,
  options: SessionOptions,
): Promise<void> {
  const sessionId = newId(draft.nowMs);
  await writeAgent(draft, agentId, { type: "open_session", sessionId, ...options }, caller);
}

/** A report under a session is a sign of life: its lease starts anew in the same commit. */
function renew(draft: Draft, { agentId, session }: Agent): void {
  if (session === undefined) return;
  const { epoch: sessionEpoch, leaseMs } = session;
  draft.openSession({ ns: draft.ns, agentId, sessionEpoch, leaseMs });
}
