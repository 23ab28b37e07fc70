import { create } from "@bufbuild/protobuf";
import {
  type RunEntry,
  RunEntryKindSchema,
  RunEntrySchema,
  RunSchema,
  type WorkflowService,
} from "../../gen/opscore/v1/workflow_pb.ts";
import { type Filter, matchesFilter } from "../core/filter.ts";
import { RUN_ENTRY_FIELDS } from "../core/filter-fields.ts";
import { parseFilter } from "../core/filter-parse.ts";
import { entryReader, runReader } from "../core/filter-records.ts";
import type { RunEntryBody } from "../core/run.ts";
import { runView } from "../core/run-fold.ts";
import type { Page, PageOptions } from "../engine/agents.ts";
import type { Engine } from "../engine/engine.ts";
import type { RunRecord } from "../engine/runs.ts";
import type { Call, Handlers } from "./call.ts";
import { waitOf } from "./caller.ts";
import { endsRun, hasEnded, toRun, toRunEntry } from "./convert-run.ts";
import { fromAfter, fromGapPolicy, fromWatchStart } from "./convert-watch.ts";
import { createCursors } from "./cursor.ts";
import { listEntries } from "./list-entries.ts";
import { PAGE_ENTRIES, pageSize, readPage } from "./pages.ts";
import type { JournalEntry, Reading } from "./reading.ts";
import { watch } from "./watch.ts";

type Watches = Pick<Handlers<typeof WorkflowService>, "listRunEntries" | "watchRuns">;

/** The journal `runs`, as a stream and page by page. */
export function workflowWatches(engine: Engine): Watches {
  const { limits } = engine;
  return {
    async listRunEntries({ runId, filter, after, wait, pageSize: asked, onGap }, call) {
      const { reading } = readingOf(engine, call, runId, filter);
      const page = await listEntries(reading, {
        start: fromAfter(after, { type: "oldest" }),
        onGap: fromGapPolicy(onGap),
        limit: pageSize(asked, PAGE_ENTRIES, limits),
        ...untilOf(engine, call, runId),
        signal: call.signal,
        waiting: waitOf(call, wait, limits),
      });
      const { entries, next, gap, ended } = page;
      return { entries: [...entries], next, ...(gap && { gap }), ended };
    },

    async *watchRuns({ runId, filter: text, start }, call) {
      const { reading, filter } = readingOf(engine, call, runId, text);
      const frames = watch(reading, {
        start: fromWatchStart(start?.start, { type: runId === "" ? "snapshot" : "oldest" }),
        onGap: fromGapPolicy(start?.onGap),
        snapshot: (after) => {
          const options = { runId, ...(filter && { filter }), ...(after && { after }) };
          const read = (limit: number) => openRuns(engine, call, { ...options, limit });
          const listing = { schema: RunSchema, read, convert: toRun };
          return readPage(listing, limits.frame_items, limits.frame_bytes);
        },
        ...untilOf(engine, call, runId),
        signal: call.signal,
        draining: call.draining,
      });
      for await (const { cursor, items = [], entries = [], control } of frames) {
        yield { cursor, runs: [...items], entries: [...entries], ...(control && { control }) };
      }
    },
  };
}

/** With one run: its end is the end of its entries. */
function untilOf({ runs }: Engine, { namespace: ns }: Call, runId: string) {
  if (runId === "") return {};
  return {
    until: {
      hasEnded: async () => hasEnded((await runs.get(ns, runId)).run),
      ends: (entry: JournalEntry) => endsRun(bodyOf(entry)),
    },
  };
}

/** What of the journal a caller reads. */
function readingOf(
  { journals, limits }: Engine,
  { namespace: ns }: Call,
  runId: string,
  text: string,
) {
  const filter = parseFilter(text, RUN_ENTRY_FIELDS, journals.nowMs());
  const reading: Reading<RunEntry> = {
    journals,
    limits,
    journal: "runs",
    only: runId === "" ? { ns } : { ns, kind: "run", id: runId },
    cursors: createCursors(journals, { journal: "runs", ns, runId, filter: text }),
    pick: (entry) => pick(entry, filter),
  };
  return { reading, filter };
}

function bodyOf({ body }: JournalEntry): RunEntryBody {
  return JSON.parse(body) as RunEntryBody;
}

/** An entry is for a reader when the filter matches the run before or after it: so one sees runs leave. */
function pick(entry: JournalEntry, filter: Filter | undefined): RunEntry | undefined {
  const body = bodyOf(entry);
  const message = create(RunEntrySchema, toRunEntry(entry, body));
  if (filter !== undefined && !matches(message, entry, body, filter)) return undefined;
  return message;
}

/** `actor` names who started the run, as in lists, or who caused the entry. */
function matches(
  message: RunEntry,
  { atMs }: JournalEntry,
  { event, actor, was, is }: RunEntryBody,
  filter: Filter,
): boolean {
  const own = {
    kind: RunEntryKindSchema.value[message.kind]?.localName.toLowerCase(),
    time: atMs,
    step_path: message.stepPath || undefined,
    ...("taskId" in event && { task_id: event.taskId }),
    ...("agentId" in event && { agent_id: event.agentId }),
  };
  const records = is ? [was ?? is, is].map((view) => runReader(message.runId, view)) : [NO_RUN];
  return records.some(
    (record) =>
      matchesFilter(filter, entryReader(own, record)) ||
      matchesFilter(filter, entryReader({ ...own, actor }, record)),
  );
}

/** Entries of templates belong to no run. */
const NO_RUN = () => undefined;

/** A page of the runs that have not ended, the oldest first; or the one run that is watched. */
async function openRuns(
  { runs }: Engine,
  { namespace: ns }: Call,
  { runId, filter, ...page }: OpenRuns,
): Promise<Page<RunRecord>> {
  if (runId === "") {
    const items = filter ? [NOT_ENDED, filter] : [NOT_ENDED];
    return runs.list(ns, { ...page, filter: { type: "and", items }, oldestFirst: true });
  }
  const record = await runs.get(ns, runId);
  const matches =
    filter === undefined || matchesFilter(filter, runReader(runId, runView(record.run)));
  return { items: matches ? [record] : [], at: 0n };
}

type OpenRuns = PageOptions & { readonly runId: string };

const NOT_ENDED: Filter = {
  type: "in",
  field: { name: "state" },
  values: ["running", "cancelling"],
};
