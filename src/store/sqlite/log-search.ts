import type { FieldRef, Filter } from "../../core/filter.ts";
import { type Statements, text, type Value } from "./database.ts";
import { requireIntact } from "./journals.ts";
import type { LogFiles } from "./log-files.ts";
import { type Condition, toCondition } from "./log-filter.ts";
import { findLogHead } from "./log-head.ts";

/** A part of a search: positions above `low` up to `high`, from the end that `order` names. */
export interface SearchSlice {
  readonly ns: string;
  readonly filter?: Filter;
  readonly text?: string;
  readonly order: "newest" | "oldest";
  readonly low: number;
  readonly high: number;
  /** Rows to look at, at most. */
  readonly examine: number;
  readonly limit: number;
}

export interface Searched {
  readonly rows: readonly (readonly [position: number, atMs: number, body: string])[];
  readonly examined: number;
  /** What is left: up to here for the newest first, above here for the oldest first. */
  readonly rest: number;
}

interface Range {
  readonly low: number;
  readonly high: number;
}

/** Columns with an index; an equality in the filter makes only those rows count. */
const INDEXED = ["task_id", "run_id", "trace_id", "agent_id"];

/** Looks through one day, or a part of it. */
export function searchSlice(files: LogFiles, slice: SearchSlice): Searched {
  const { order, low, high } = slice;
  const newest = order === "newest";
  const { days } = findLogHead(files.head);
  const day = newest
    ? days.findLast(({ first }) => first <= high)
    : days.find(({ last }) => last > low);
  if (day === undefined) return { rows: [], examined: 0, rest: newest ? low : high };
  const inDay = { low: Math.max(low, day.first - 1), high: Math.min(high, day.last) };
  const rows = files.day(day);
  // Trimmed since the search began.
  if (rows === undefined) return { rows: [], examined: 0, rest: newest ? inDay.low : inDay.high };
  return searchRows(rows, slice, inDay);
}

function searchRows(rows: Statements, slice: SearchSlice, inDay: Range): Searched {
  const { ns, order, limit } = slice;
  const newest = order === "newest";
  const { range, examined } = bound(rows, slice, inDay);
  const condition = conditionOf(slice);
  const found = rows.allOnce(
    `SELECT * FROM log
     WHERE ns = ? AND position > ? AND position <= ? AND ${condition.sql}
     ORDER BY position ${newest ? "DESC" : "ASC"} LIMIT ?`,
    ...[ns, range.low, range.high, ...condition.values, limit],
  );
  const matched = found.map((row) => {
    requireIntact(row, "logs");
    return [Number(row["position"]), Number(row["at_ms"]), text(row["body"])] as const;
  });
  const last = matched.length < limit ? undefined : matched.at(-1)?.[0];
  if (newest) return { rows: matched, examined, rest: last === undefined ? range.low : last - 1 };
  return { rows: matched, examined, rest: last ?? range.high };
}

/** The part of a range in which no more rows are looked at than asked for. */
function bound(rows: Statements, { ns, filter, order, examine }: SearchSlice, inDay: Range) {
  const { low, high } = inDay;
  const newest = order === "newest";
  const indexed = filter && indexedBy(filter);
  if (indexed === undefined) {
    const range = newest
      ? { low: Math.max(low, high - examine), high }
      : { low, high: Math.min(high, low + examine) };
    return { range, examined: range.high - range.low };
  }
  const counted = rows.get(
    `SELECT count(*) AS rows, min(position) AS first, max(position) AS last FROM (
       SELECT position FROM log
       WHERE ns = ? AND ${indexed.column} = ? AND position > ? AND position <= ?
       ORDER BY position ${newest ? "DESC" : "ASC"} LIMIT ?
     )`,
    ...[ns, indexed.value, low, high, examine],
  );
  const examined = Number(counted?.["rows"]);
  if (examined < examine) return { range: inDay, examined };
  const range = newest
    ? { low: Number(counted?.["first"]) - 1, high }
    : { low, high: Number(counted?.["last"]) };
  return { range, examined };
}

function indexedBy(filter: Filter): { readonly column: string; readonly value: Value } | undefined {
  if (filter.type === "and") {
    const found = filter.items.flatMap((item) => indexedBy(item) ?? []);
    return found.sort((a, b) => INDEXED.indexOf(a.column) - INDEXED.indexOf(b.column))[0];
  }
  if (filter.type !== "compare" || filter.op !== "==") return undefined;
  const { field, value } = filter;
  return isIndexed(field) && typeof value === "string" ? { column: field.name, value } : undefined;
}

function isIndexed({ name, key }: FieldRef): boolean {
  return key === undefined && INDEXED.includes(name);
}

function conditionOf({ filter, text: part }: SearchSlice): Condition {
  const { sql, values } = filter === undefined ? { sql: "1", values: [] } : toCondition(filter);
  if (part === undefined) return { sql, values };
  // SQLite's lower() knows only ASCII, which is what is promised.
  const contains = "instr(lower(body ->> 'message'), lower(?)) > 0";
  return { sql: `${sql} AND ${contains}`, values: [...values, part] };
}
