import { Refused } from "../../core/errors.ts";
import type { Entry, JournalName, Kind, NewEntry } from "../store.ts";
import { isIntact } from "./checksum.ts";
import { type Row, type Statements, text, type Value } from "./database.ts";

type Journal = NewEntry["journal"];

/** Which entries to read: of a namespace, of one kind of entity, or of one entity. */
export interface Only {
  readonly ns: string;
  readonly kind?: Kind;
  readonly id?: string;
}

export interface EntryPage {
  readonly entries: readonly Entry[];
  readonly through: bigint;
}

/** Entries that one filtered page looks at, at most about: reads share the thread with everything else. */
const SCAN_MAX = 2_000;

export interface Head {
  readonly position: number;
  readonly floor: number;
}

export function findHead(statements: Statements, journal: Journal): Head {
  const row = statements.get("SELECT position, floor FROM head WHERE journal = ?", journal);
  return { position: Number(row?.["position"] ?? 0), floor: Number(row?.["floor"] ?? 0) };
}

/** @throws {Refused} `cursor_expired`. */
export function readJournal(
  statements: Statements,
  journal: Journal,
  after: number,
  limit: number,
  only: Only | undefined,
): EntryPage {
  return statements.snapshot(() => {
    const head = findHead(statements, journal);
    requireKept(after, head.floor);
    // The entries of one entity are a range of an index; others have to be looked for.
    const unbounded = only === undefined || isOneEntity(only);
    const scanned = unbounded ? Number.MAX_SAFE_INTEGER : after + SCAN_MAX;
    const upTo = endOfCommit(statements, journal, Math.min(head.position, scanned));
    const entries = select(statements, journal, after, upTo, only, limit);
    if (entries.length < limit) return { entries, through: BigInt(Math.max(after, upTo)) };
    const last = Number(entries.at(-1)?.position ?? upTo);
    const through = endOfCommit(statements, journal, last);
    const rest = select(statements, journal, last, through, only, through - last);
    return { entries: [...entries, ...rest], through: BigInt(through) };
  });
}

/** @throws {Refused} `cursor_expired` for a place whose entries are gone. */
export function requireKept(after: number, floor: number): void {
  if (after < floor) throw new Refused({ code: "cursor_expired", oldest: BigInt(floor) });
}

/** The first position from `position` on that ends a commit. */
function endOfCommit(statements: Statements, journal: Journal, position: number): number {
  const sql = `
    SELECT position FROM entry WHERE journal = ? AND position >= ? AND ends = 1
    ORDER BY position LIMIT 1`;
  return Number(statements.get(sql, journal, position)?.["position"] ?? position);
}

function select(
  statements: Statements,
  journal: Journal,
  after: number,
  upTo: number,
  only: Only | undefined,
  limit: number,
): readonly Entry[] {
  const conditions = ["journal = ?", "position > ?", "position <= ?"];
  const values: Value[] = [journal, after, upTo];
  for (const column of ["ns", "kind", "id"] as const) {
    const value = only?.[column];
    if (value === undefined) continue;
    conditions.push(`${column} = ?`);
    values.push(value);
  }
  const where = conditions.join(" AND ");
  // Without statistics SQLite would rather scan the journal.
  const index = isOneEntity(only) ? "INDEXED BY entry_by_entity" : "";
  const sql = `SELECT * FROM entry ${index} WHERE ${where} ORDER BY position LIMIT ?`;
  return statements.all(sql, ...values, limit).map(toEntry);
}

function isOneEntity(only: Only | undefined): boolean {
  return only?.kind !== undefined && only.id !== undefined;
}

/** The last position whose entry is older than a time; at least the floor. */
export function positionBefore(statements: Statements, journal: Journal, atMs: number): number {
  return statements.snapshot(() => {
    const { position, floor } = findHead(statements, journal);
    const sql = "SELECT at_ms FROM entry WHERE journal = ? AND position = ?";
    return lastOlder(floor, position, atMs, (at) =>
      Number(statements.get(sql, journal, at)?.["at_ms"] ?? 0),
    );
  });
}

/** Finds the last position after `floor` that is older than a time: times never fall along a journal. */
export function lastOlder(
  floor: number,
  head: number,
  atMs: number,
  timeOf: (position: number) => number,
): number {
  let [low, high] = [floor, head];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (timeOf(middle) < atMs) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** @throws {Refused} `data_corrupt` for a row that is not what was written. */
export function requireIntact(row: Row, journal: JournalName): void {
  if (isIntact(row)) return;
  const key = `${journal}/${row["position"]}`;
  throw new Refused({ code: "data_corrupt", key, message: "the entry is not what was written" });
}

function toEntry(row: Row): Entry {
  requireIntact(row, text(row["journal"]) as Journal);
  return {
    journal: text(row["journal"]) as Journal,
    position: BigInt(Number(row["position"])),
    ns: text(row["ns"]),
    kind: text(row["kind"]) as Kind,
    id: text(row["id"]),
    sequence: Number(row["sequence"]),
    atMs: Number(row["at_ms"]),
    body: text(row["body"]),
    ends: row["ends"] === 1,
  };
}
