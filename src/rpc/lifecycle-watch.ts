import { create } from "@bufbuild/protobuf";
import {
  type AgentEntry,
  AgentEntrySchema,
  AgentSchema,
  type LifecycleService,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import type { AgentEntryBody } from "../core/agent.ts";
import { type Filter, matchesFilter } from "../core/filter.ts";
import { AGENT_ENTRY_FIELDS } from "../core/filter-fields.ts";
import { parseFilter } from "../core/filter-parse.ts";
import { agentReader, entryReader } from "../core/filter-records.ts";
import type { Engine } from "../engine/engine.ts";
import type { Call, Handlers } from "./call.ts";
import { waitOf } from "./caller.ts";
import { toAgent, toAgentEntry } from "./convert-agent.ts";
import { fromAfter, fromGapPolicy, fromWatchStart } from "./convert-watch.ts";
import { createCursors } from "./cursor.ts";
import { listEntries } from "./list-entries.ts";
import { PAGE_ENTRIES, pageSize, readPage } from "./pages.ts";
import type { JournalEntry, Reading } from "./reading.ts";
import { watch } from "./watch.ts";

type Watches = Pick<Handlers<typeof LifecycleService>, "listAgentEntries" | "watchAgents">;

/** The journal `agents`, as a stream and page by page. */
export function lifecycleWatches(engine: Engine): Watches {
  const { agents, limits } = engine;
  return {
    async listAgentEntries({ filter, after, wait, pageSize: asked, onGap }, call) {
      const { reading } = readingOf(engine, call, filter);
      const page = await listEntries(reading, {
        start: fromAfter(after, { type: "oldest" }),
        onGap: fromGapPolicy(onGap),
        limit: pageSize(asked, PAGE_ENTRIES, limits),
        signal: call.signal,
        waiting: waitOf(call, wait, limits),
      });
      return { entries: [...page.entries], next: page.next, ...(page.gap && { gap: page.gap }) };
    },

    async *watchAgents({ filter: text, start }, call) {
      const { reading, filter } = readingOf(engine, call, text);
      const ns = call.namespace;
      const frames = watch(reading, {
        start: fromWatchStart(start?.start, { type: "snapshot" }),
        onGap: fromGapPolicy(start?.onGap),
        snapshot: (after) => {
          const options = { ...(filter && { filter }), ...(after && { after }) };
          const read = (limit: number) => agents.list(ns, { ...options, limit });
          const listing = { schema: AgentSchema, read, convert: toAgent };
          return readPage(listing, limits.frame_items, limits.frame_bytes);
        },
        signal: call.signal,
        draining: call.draining,
      });
      for await (const { cursor, items = [], entries = [], control } of frames) {
        yield { cursor, agents: [...items], entries: [...entries], ...(control && { control }) };
      }
    },
  };
}

/** What of the journal a caller reads. */
function readingOf({ journals, limits }: Engine, { namespace: ns }: Call, text: string) {
  const filter = parseFilter(text, AGENT_ENTRY_FIELDS, journals.nowMs());
  const reading: Reading<AgentEntry> = {
    journals,
    limits,
    journal: "agents",
    only: { ns },
    cursors: createCursors(journals, { journal: "agents", ns, filter: text }),
    pick: (entry) => pick(entry, filter),
  };
  return { reading, filter };
}

/** An entry is for a reader when the filter matches the agent before or after it: so one sees agents leave. */
function pick(entry: JournalEntry, filter: Filter | undefined): AgentEntry | undefined {
  const body = JSON.parse(entry.body) as AgentEntryBody;
  if (filter !== undefined && !matches(entry, body, filter)) return undefined;
  return create(AgentEntrySchema, toAgentEntry(entry, body));
}

function matches({ id, atMs }: JournalEntry, body: AgentEntryBody, filter: Filter): boolean {
  const own = { kind: body.event.type, actor: body.actor, time: atMs };
  const views = body.was ? [body.was, body.is] : [body.is];
  return views.some((view) =>
    matchesFilter(filter, entryReader(own, agentReader(id, view, { updatedMs: atMs }))),
  );
}
