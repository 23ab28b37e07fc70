import { rmSync } from "node:fs";
import { openSqliteStore } from "../src/store/sqlite/open.ts";
import type { Commit, EntityKey } from "../src/store/store.ts";
import { temporaryFolder } from "./target.ts";

/** The store alone, without server and engine: commits as a change of state makes them. */
export interface StoreCommits extends AsyncDisposable {
  /** Commits the next state of an agent. */
  commit(agent: number): Promise<void>;
}

export async function openStoreCommits(): Promise<StoreCommits> {
  const folder = temporaryFolder();
  const store = await openSqliteStore({ path: folder });
  const versions = new Map<number, number>();
  return {
    async commit(agent) {
      const version = versions.get(agent) ?? 0;
      await store.commit(stateChange(agent, version));
      versions.set(agent, version + 1);
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const SESSION = { sessionId: "0198c0de-0000-7000-8000-000000000000", epoch: 1, leaseMs: 600_000 };

function stateChange(agent: number, version: number): Commit {
  const key: EntityKey = { ns: "default", kind: "agent", id: `agent-${agent}` };
  const said = { state: version % 2 === 0 ? "active" : "idle", statusText: "reads the sources" };
  const spec = { slots: 1, labels: {}, capabilities: [{ name: "research", tags: [] }] };
  const is = { ...said, liveness: "live", labels: {}, capabilities: ["research"] };
  const state = { agentId: key.id, spec, ...said, liveness: "live", session: SESSION };
  const event = { type: "state_changed", ...said, session: SESSION };
  const body = { event, atMs: version, actor: "user:local", was: is, is };
  const { epoch: sessionEpoch, leaseMs } = SESSION;
  return {
    expect: [{ ...key, version }],
    put: [{ ...key, status: "registered", state: JSON.stringify(state) }],
    entries: [{ ...key, journal: "agents", body: JSON.stringify(body) }],
    sessions: [{ ns: key.ns, agentId: key.id, sessionEpoch, leaseMs }],
  };
}
