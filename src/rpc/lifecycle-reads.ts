import {
  AgentSchema,
  type LifecycleService,
  SessionSchema,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import { AGENT_FIELDS } from "../core/filter-fields.ts";
import { parseFilter } from "../core/filter-parse.ts";
import type { Engine } from "../engine/engine.ts";
import type { Handlers } from "./call.ts";
import { waitOf } from "./caller.ts";
import { toTime } from "./convert.ts";
import { toAgent, toSession } from "./convert-agent.ts";
import { createCursors } from "./cursor.ts";
import { createPageTokens } from "./page-token.ts";
import { PAGE_ITEMS, pageSize, readPage } from "./pages.ts";

/** What a server says about itself. */
export interface ServerInfo {
  readonly version: string;
  /** The oldest client it supports. */
  readonly minClientVersion: string;
  readonly replicaId: string;
  readonly store: "sqlite" | "postgres";
  /** Every limit in force, by name. */
  readonly limits: Readonly<Record<string, number>>;
}

type Reads = Pick<
  Handlers<typeof LifecycleService>,
  "getAgent" | "listAgents" | "listSessions" | "getServerInfo"
>;

export function lifecycleReads(engine: Engine, server: ServerInfo): Reads {
  const { agents, journals, limits } = engine;
  return {
    async getAgent({ agentId, afterRevision, wait }, call) {
      const ns = call.namespace;
      const after = await journals.head("agents");
      let record = await agents.get(ns, agentId);
      const waiting = waitOf(call, wait, limits);
      if (record.revision <= afterRevision && !waiting.aborted) {
        const only = { ns, kind: "agent", id: agentId } as const;
        const signal = AbortSignal.any([call.signal, waiting]);
        await nextEntry(journals.follow("agents", { after, only, signal }), signal);
        record = await agents.get(ns, agentId);
      }
      return { agent: toAgent(record) };
    },

    async listAgents({ filter, pageToken, pageSize: asked }, call) {
      const ns = call.namespace;
      const tokens = createPageTokens(journals, "ListAgents", ns, filter);
      const after = tokens.item(pageToken);
      const parsed = parseFilter(filter, AGENT_FIELDS, journals.nowMs());
      const options = { ...(parsed && { filter: parsed }), ...(after && { after }) };
      const read = (limit: number) => agents.list(ns, { ...options, limit });
      const listing = { schema: AgentSchema, read, convert: toAgent };
      const page = await readPage(listing, pageSize(asked, PAGE_ITEMS, limits), limits.page_bytes);
      const cursors = createCursors(journals, { journal: "agents", ns, filter });
      return {
        agents: page.items,
        nextPageToken: tokens.ofItem(page.next),
        ...(!after && { watchFrom: cursors.seal({ position: page.at }) }),
      };
    },

    async listSessions({ agentId, pageToken, pageSize: asked }, call) {
      const ns = call.namespace;
      const tokens = createPageTokens(journals, "ListSessions", ns, agentId);
      const after = tokens.item(pageToken);
      await agents.get(ns, agentId);
      const read = (limit: number) =>
        agents.sessions(ns, agentId, { limit, ...(after && { after }) });
      const listing = { schema: SessionSchema, read, convert: toSession };
      const page = await readPage(listing, pageSize(asked, PAGE_ITEMS, limits), limits.page_bytes);
      return { sessions: page.items, nextPageToken: tokens.ofItem(page.next) };
    },

    async getServerInfo(_, call) {
      const { version, minClientVersion, replicaId, store } = server;
      const all = Object.entries(server.limits);
      return {
        version,
        minClientVersion,
        replicaId,
        store,
        storeTime: toTime(journals.nowMs()),
        limits: Object.fromEntries(all.map(([name, value]) => [name, BigInt(Math.ceil(value))])),
        principal: call.principal.name,
        scopes: [...call.principal.scopes],
        namespace: call.namespace,
      };
    },
  };
}

/** Resolves at the next entry of a journal, or when `signal` aborts. */
async function nextEntry(
  pages: ReturnType<Engine["journals"]["follow"]>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const page of pages) if (page.type !== "idle") return;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
