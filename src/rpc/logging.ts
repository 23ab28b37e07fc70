import { create } from "@bufbuild/protobuf";
import {
  LogDurability,
  type LogEntry,
  LogEntrySchema,
  type LoggingService,
  type LogOperationsRequest,
  type LogOperationsResponse_RejectionSchema,
} from "../../gen/opscore/v1/logging_pb.ts";
import { Refused } from "../core/errors.ts";
import { LOG_FIELDS } from "../core/filter-fields.ts";
import { parseFilter } from "../core/filter-parse.ts";
import type { Engine } from "../engine/engine.ts";
import type { LogBatch } from "../engine/logs.ts";
import { actAs } from "./auth.ts";
import type { Call, Handlers } from "./call.ts";
import { callerOf } from "./caller.ts";
import { fromTime, type Init, textOrNothing } from "./convert.ts";
import { fromLogEntry, toLogEntry } from "./convert-log.ts";
import { createCursors } from "./cursor.ts";
import { toItemError } from "./errors.ts";
import { loggingWatches } from "./logging-watch.ts";
import { createPageTokens } from "./page-token.ts";
import { countFitting, PAGE_ENTRIES, pageSize } from "./pages.ts";
import { validItem } from "./validate-item.ts";

type Logging = Handlers<typeof LoggingService>;

/** The operation log on the wire. */
export function loggingHandlers(engine: Engine): Logging {
  return { ...writes(engine), ...searches(engine), ...loggingWatches(engine) };
}

function writes({ logs }: Engine): Pick<Logging, "logOperations"> {
  return {
    async logOperations(message, call) {
      const { producerId, durability } = message;
      const firstNumber = numberOf(message.firstProducerSeq);
      const { stretches, rejections } = accepted(message, call);
      const total = { lastSeq: 0, accepted: 0, duplicates: 0, dropped: 0 };
      for (const { index, rows } of stretches) {
        // What comes after a dropped entry is dropped too: numbers do not skip.
        if (producerId !== "" && total.dropped > 0) {
          total.dropped += rows.length;
          continue;
        }
        const written = await logs.append(callerOf(call), {
          ...(producerId !== "" && { producer: { id: producerId, firstSeq: firstNumber + index } }),
          rows,
          acknowledge: durability === LogDurability.COMMITTED ? "committed" : "queued",
        });
        total.lastSeq = Math.max(total.lastSeq, written.lastSeq);
        total.accepted += written.accepted;
        total.duplicates += written.duplicates;
        total.dropped += written.dropped;
      }
      const { lastSeq, ...counts } = total;
      // A rejected entry uses its number up, also at the end.
      const used = total.dropped === 0 && producerId !== "" ? message.entries.length : 0;
      const last = Math.max(lastSeq, used === 0 ? 0 : firstNumber + used - 1);
      return { ...counts, lastProducerSeq: BigInt(last), rejections };
    },
  };
}

function numberOf(seq: bigint): number {
  if (seq <= BigInt(Number.MAX_SAFE_INTEGER) - BATCH_MAX) return Number(seq);
  const pointer = "/firstProducerSeq";
  throw new Refused({ code: "invalid_field", pointer, message: "is past 2^53" });
}

/** More entries than a batch can have. */
const BATCH_MAX = 1_000n;

type Rejection = Init<typeof LogOperationsResponse_RejectionSchema>;

/**
 * The entries that are right, in stretches without one that is wrong in
 * between: a wrong one uses its number up, and each stretch counts its own on.
 */
function accepted({ entries }: LogOperationsRequest, call: Call) {
  const stretches: { index: number; rows: LogBatch["rows"][number][] }[] = [];
  const rejections: (Rejection & { index: number })[] = [];
  let open = false;
  for (const [index, entry] of entries.entries()) {
    const row = rowOf(entry, index, call);
    if (row instanceof Refused) {
      rejections.push({ index, error: toItemError(row) });
      open = false;
      continue;
    }
    if (!open) stretches.push({ index, rows: [] });
    stretches.at(-1)?.rows.push(row);
    open = true;
  }
  return { stretches, rejections };
}

function rowOf(entry: LogEntry, index: number, { principal }: Call) {
  const pointer = `/entries/${index}`;
  try {
    const valid = validItem(LogEntrySchema, entry, pointer);
    if (valid.agentId !== "") actAs(principal, valid.agentId);
    return fromLogEntry(valid, pointer, principal.agentId);
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

function searches({ logs, journals, limits }: Engine): Pick<Logging, "searchLogs"> {
  return {
    async searchLogs(message, call) {
      const { filter: written, oldestFirst, pageToken } = message;
      const ns = call.namespace;
      const text = textOrNothing(message.text);
      const fromMs = fromTime(message.fromTime);
      const toMs = fromTime(message.toTime);
      const parameters = [written, message.text, `${fromMs}`, `${toMs}`, `${oldestFirst}`];
      const tokens = createPageTokens(journals, "SearchLogs", ns, ...parameters);
      const after = tokens.position(pageToken);
      const filter = parseFilter(written, LOG_FIELDS, journals.nowMs());
      const search = {
        ...(filter && { filter }),
        ...(text !== undefined && { text }),
        ...(fromMs !== undefined && { fromMs }),
        ...(toMs !== undefined && { toMs }),
        ...(after !== undefined && { after }),
        order: oldestFirst ? "oldest" : "newest",
        limit: pageSize(message.pageSize, PAGE_ENTRIES, limits),
      } as const;
      const { rows, next, at } = await logs.search(ns, search, call.signal);
      const entries = cut(
        rows.map((row) => create(LogEntrySchema, toLogEntry(row))),
        limits,
      );
      const last = entries.length < rows.length ? entries.at(-1)?.position : next;
      const scope = {
        journal: "logs",
        ns,
        filter: written,
        ...(text !== undefined && { text }),
      } as const;
      const cursors = createCursors(journals, scope);
      return {
        entries,
        nextPageToken: tokens.ofPosition(last),
        ...(after === undefined && { tailFrom: cursors.seal({ position: at }) }),
      };
    },
  };
}

/** Cuts a page where it would pass its bytes; one entry always fits. */
function cut(entries: LogEntry[], { page_bytes }: Engine["limits"]): LogEntry[] {
  return entries.slice(0, Math.max(1, countFitting(LogEntrySchema, entries, page_bytes)));
}
