import { Refused } from "../../core/errors.ts";
import type { Entry } from "../store.ts";
import { type Row, text } from "./database.ts";
import { type EntryPage, lastOlder, type Only, requireIntact, requireKept } from "./journals.ts";
import type { LogFiles } from "./log-files.ts";
import { findLogHead, type KnownDay } from "./log-head.ts";

/** Rows that one filtered page looks at: reads share the thread with everything else. */
const SCAN_MAX = 2_000;

/** @throws {Refused} `cursor_expired`. */
export function readLogs(
  files: LogFiles,
  after: number,
  limit: number,
  only: Only | undefined,
): EntryPage {
  const { position, floor, days } = findLogHead(files.head);
  requireKept(after, floor);
  const all = { entries: [], through: BigInt(Math.max(after, position)) };
  // Log rows are entries of no entity.
  if (only?.kind !== undefined) return all;
  const upTo = only === undefined ? position : Math.min(position, after + SCAN_MAX);
  const entries: Entry[] = [];
  for (const day of days) {
    if (day.last <= after || day.first > upTo) continue;
    entries.push(
      ...readDay(files, day, { after, upTo, ns: only?.ns, limit: limit - entries.length }),
    );
    if (entries.length >= limit) break;
  }
  const last = entries.length < limit ? undefined : entries.at(-1)?.position;
  return { entries, through: last ?? BigInt(Math.max(after, upTo)) };
}

interface DayQuery {
  readonly after: number;
  readonly upTo: number;
  readonly ns: string | undefined;
  readonly limit: number;
}

function readDay(
  files: LogFiles,
  day: KnownDay,
  { after, upTo, ns, limit }: DayQuery,
): readonly Entry[] {
  const rows = files.day(day);
  // Trimmed since the head was read.
  if (rows === undefined) throw new Refused({ code: "cursor_expired", oldest: BigInt(day.last) });
  const found = rows.all(
    `SELECT * FROM log WHERE position > ? AND position <= ?
     ${ns === undefined ? "" : "AND ns = ?"} ORDER BY position LIMIT ?`,
    ...[after, upTo, ...(ns === undefined ? [] : [ns]), limit],
  );
  return found.map(toEntry);
}

/** The last position whose row is older than a time; at least the floor. */
export function logPositionBefore(files: LogFiles, atMs: number): number {
  const { position, floor, days } = findLogHead(files.head);
  return lastOlder(floor, position, atMs, (at) => {
    const day = days.find(({ first, last }) => first <= at && at <= last);
    const rows = day && files.day(day);
    return Number(rows?.get("SELECT at_ms FROM log WHERE position = ?", at)?.["at_ms"] ?? 0);
  });
}

function toEntry(row: Row): Entry {
  requireIntact(row, "logs");
  return {
    journal: "logs",
    position: BigInt(Number(row["position"])),
    ns: text(row["ns"]),
    kind: "log",
    id: "",
    sequence: 0,
    atMs: Number(row["at_ms"]),
    body: text(row["body"]),
    ends: true,
  };
}
