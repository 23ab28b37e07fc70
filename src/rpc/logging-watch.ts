import { create } from "@bufbuild/protobuf";
import {
  type LogEntry,
  LogEntrySchema,
  type LoggingService,
} from "../../gen/opscore/v1/logging_pb.ts";
import { type Filter, matchesFilter } from "../core/filter.ts";
import { LOG_FIELDS } from "../core/filter-fields.ts";
import { parseFilter } from "../core/filter-parse.ts";
import { holdsText, logReader } from "../core/filter-records.ts";
import type { LogRow, StoredLog } from "../core/log.ts";
import type { Engine } from "../engine/engine.ts";
import type { Call, Handlers } from "./call.ts";
import { waitOf } from "./caller.ts";
import { textOrNothing } from "./convert.ts";
import { toLogEntry } from "./convert-log.ts";
import { fromAfter, fromGapPolicy, fromWatchStart } from "./convert-watch.ts";
import { createCursors } from "./cursor.ts";
import { listEntries } from "./list-entries.ts";
import { PAGE_ENTRIES, pageSize } from "./pages.ts";
import type { JournalEntry, Reading } from "./reading.ts";
import { watch } from "./watch.ts";

type Watches = Pick<Handlers<typeof LoggingService>, "listLogEntries" | "tailLogs">;

/** The journal `logs`, as a stream and page by page. */
export function loggingWatches(engine: Engine): Watches {
  const { limits } = engine;
  return {
    async listLogEntries({ filter, text, after, wait, pageSize: asked, onGap }, call) {
      const page = await listEntries(readingOf(engine, call, wantedOf(engine, filter, text)), {
        start: fromAfter(after, { type: "now" }),
        onGap: fromGapPolicy(onGap),
        limit: pageSize(asked, PAGE_ENTRIES, limits),
        signal: call.signal,
        waiting: waitOf(call, wait, limits),
      });
      return { entries: [...page.entries], next: page.next, ...(page.gap && { gap: page.gap }) };
    },

    async *tailLogs({ filter, text, start, last }, call) {
      const wanted = wantedOf(engine, filter, text);
      const frames = watch(readingOf(engine, call, wanted), {
        start: fromWatchStart(start?.start, { type: "now" }),
        onGap: fromGapPolicy(start?.onGap),
        ...(last > 0 && { history: () => lastOf(engine, call, wanted, last) }),
        signal: call.signal,
        draining: call.draining,
      });
      for await (const { cursor, entries = [], control } of frames) {
        yield { cursor, entries: [...entries], ...(control && { control }) };
      }
    },
  };
}

/** Which entries a caller wants; `written` is the filter as it was sent. */
interface Wanted {
  readonly written: string;
  readonly filter?: Filter;
  readonly text?: string;
}

function wantedOf({ journals }: Engine, written: string, part: string): Wanted {
  const filter = parseFilter(written, LOG_FIELDS, journals.nowMs());
  const text = textOrNothing(part);
  return { written, ...(filter && { filter }), ...(text !== undefined && { text }) };
}

function readingOf(
  { journals, limits }: Engine,
  { namespace: ns }: Call,
  { written, filter, text }: Wanted,
): Reading<LogEntry> {
  const scope = {
    journal: "logs",
    ns,
    filter: written,
    ...(text !== undefined && { text }),
  } as const;
  return {
    journals,
    limits,
    journal: "logs",
    only: { ns },
    cursors: createCursors(journals, scope),
    pick: (entry) => {
      const log = logOf(entry);
      if (text !== undefined && !holdsText(log.message, text)) return undefined;
      if (filter && !matchesFilter(filter, logReader(log, log.atMs))) return undefined;
      return create(LogEntrySchema, toLogEntry(log));
    },
  };
}

function logOf({ body, position, atMs }: JournalEntry): StoredLog {
  return { ...(JSON.parse(body) as LogRow), position, atMs };
}

/** A search for text must be bounded: the last entries with it are those of the last day. */
const TEXT_WINDOW_MS = 86_400_000;

/** The last entries that are wanted, oldest first. */
async function lastOf(
  { logs, journals }: Engine,
  { namespace: ns, signal }: Call,
  { filter, text }: Wanted,
  count: number,
) {
  const toMs = Math.floor(journals.nowMs()) + 1;
  const rows: StoredLog[] = [];
  let after: bigint | undefined;
  do {
    const page = await logs.search(
      ns,
      {
        ...(filter && { filter }),
        ...(text !== undefined && { text, fromMs: toMs - TEXT_WINDOW_MS, toMs }),
        ...(after !== undefined && { after }),
        order: "newest",
        limit: count - rows.length,
      },
      signal,
    );
    rows.push(...page.rows);
    after = page.next;
  } while (after !== undefined && rows.length < count);
  return rows
    .reverse()
    .map((row) => ({ entry: create(LogEntrySchema, toLogEntry(row)), position: row.position }));
}
