import { Refused } from "../core/errors.ts";
import type { Filter } from "../core/filter.ts";
import type { Limits } from "../core/limits.ts";
import type { LogRow } from "../core/log.ts";
import type { Store } from "../store/store.ts";
import type { LogBatch, LogSearch, Logs } from "./logs.ts";
import { createQuota } from "./quota.ts";

/** Text search without a bound in the filter looks at no more than this. */
const TEXT_WINDOW_MS = 86_400_000;
/** Filter names that bound a search by an index. */
const BOUNDS = ["agent_id", "run_id", "task_id", "trace_id"];
const SEVERITY_WARN = 13;
/** Writers over their rate that are remembered until they are told of. */
const WRITERS_MAX = 10_000;
const encoder = new TextEncoder();

export function createLogs(store: Store, limits: Limits): Logs {
  const quota = createQuota(limits.log_rate_per_second, limits.log_burst_items);
  // One entry a second tells of what was dropped: a flood must not become another.
  const telling = createQuota(1, 1);
  const untold = new Map<string, number>();

  function toTell(writer: string, dropped: number): number {
    const count = (untold.get(writer) ?? 0) + dropped;
    untold.delete(writer);
    if (count === 0 || telling.take(writer, 1, store.nowMs()) === 1) return count;
    untold.set(writer, count);
    const [oldest] = untold.keys();
    if (untold.size > WRITERS_MAX && oldest !== undefined) untold.delete(oldest);
    return 0;
  }

  return {
    async append({ ns, actor }, { producer, rows, acknowledge }) {
      // Where agents share a key, each has its own rate.
      const writer = JSON.stringify([ns, actor, rows[0]?.agentId]);
      const allowed = quota.take(writer, rows.length, store.nowMs());
      // Numbers must not skip: what is over the rate is dropped from the end and can be sent again.
      const kept = rows.slice(0, allowed).map((row, i) => rowOf(row, actor, producer, i, limits));
      const dropped = rows.length - kept.length;
      const told = toTell(writer, dropped);
      if (told > 0) {
        const note = noteOf(actor, told, rows[0]?.agentId);
        await store.appendLogs({ ns, rows: [note] }, acknowledge);
      }
      const numbered = producer && { principal: actor, ...producer };
      const batch = { ns, ...(numbered && { producer: numbered }), rows: kept };
      return { ...(await store.appendLogs(batch, acknowledge)), dropped };
    },

    async search(ns, { limit, ...search }, signal) {
      refuseUnbounded(search);
      const scan = limits.page_scan_items;
      return store.searchLogs({ ns, ...search, limit, scan }, signal);
    },
  };
}

function rowOf(
  row: LogBatch["rows"][number],
  actor: string,
  producer: LogBatch["producer"],
  index: number,
  { log_row_bytes }: Limits,
): LogRow {
  const numbered = producer && { producerId: producer.id, producerSeq: producer.firstSeq + index };
  return cut({ ...row, actor, ...numbered }, log_row_bytes);
}

/** Cuts what is too long, the attributes first, and says so. */
function cut(row: LogRow, bytesMax: number): LogRow {
  if (sizeOf(row) <= bytesMax) return row;
  const { attributes: _, ...bare } = row;
  const over = sizeOf({ ...bare, truncated: true }) - bytesMax;
  const length = over > 0 ? Math.max(0, bare.message.length - over) : bare.message.length;
  return { ...bare, message: bare.message.slice(0, length).toWellFormed(), truncated: true };
}

function sizeOf(row: LogRow): number {
  return encoder.encode(JSON.stringify(row)).length;
}

/** The one entry that stands for those a quota refused. */
function noteOf(actor: string, dropped: number, agentId: string | undefined): LogRow {
  const message = `${dropped} log entries of ${agentId ?? actor} were over its rate and dropped`;
  return {
    kind: "dropped",
    operation: "log.dropped",
    severity: SEVERITY_WARN,
    message,
    actor,
    ...(agentId !== undefined && { agentId }),
    dropped,
  };
}

/** Text has no index of its own: something else must bound the search. */
function refuseUnbounded({ text, filter, fromMs, toMs }: Omit<LogSearch, "limit">): void {
  if (text === undefined) return;
  const inWindow = fromMs !== undefined && toMs !== undefined && toMs - fromMs <= TEXT_WINDOW_MS;
  if (inWindow || (filter !== undefined && isBounded(filter))) return;
  const message =
    "a text search needs from_time and to_time at most 24 h apart, or a filter like agent_id == '...'";
  const found = { code: "FILTER_UNBOUNDED", message, error: true, pointer: "/text" };
  throw new Refused({ code: "invalid_filter", diagnostics: [found] });
}

function isBounded(filter: Filter): boolean {
  if (filter.type === "and") return filter.items.some(isBounded);
  return filter.type === "compare" && filter.op === "==" && BOUNDS.includes(filter.field.name);
}
