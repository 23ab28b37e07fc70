import { DatabaseSync, type StatementSync } from "node:sqlite";
import { StoreUnusable } from "../unusable.ts";
import { defineChecksum } from "./checksum.ts";
import { findLostCommits } from "./wal.ts";

export type Value = string | number | bigint | Uint8Array | null;
export type Row = Readonly<Record<string, unknown>>;

/** Before it, a reset of the write-ahead log could lose commits. */
const VERSION_MIN = [3, 51, 3] as const;
/** 128 MiB of write-ahead log, about 20,000 commits: then the writer checkpoints, passively. */
const CHECKPOINT_PAGES = 32_768;
const BUSY_MS = 5_000;

const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

export interface WriterOptions {
  /** The file grows no further, as on a full disk. */
  readonly pagesMax?: number | undefined;
}

/**
 * The one connection that writes a file: a commit is on disk when it returns.
 *
 * @throws {StoreUnusable} for a write-ahead log of which SQLite would drop commits in silence.
 */
export function openWriter(path: string, { pagesMax }: WriterOptions = {}): DatabaseSync {
  const lost = findLostCommits(`${path}-wal`);
  if (lost !== undefined) {
    throw new StoreUnusable(`${path}-wal ${lost}; restore a copy, or remove it to go on without`);
  }
  const db = new DatabaseSync(path, { timeout: BUSY_MS });
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  // Only there do they mean anything: macOS does not flush its disk cache otherwise.
  db.exec("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON");
  db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -65536`);
  if (pagesMax !== undefined) db.exec(`PRAGMA max_page_count = ${pagesMax}`);
  defineChecksum(db);
  return db;
}

export function openReader(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
  db.exec("PRAGMA cache_size = -16384");
  return db;
}

/** Statements of one connection, prepared once. */
export class Statements {
  readonly db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.db = db;
  }

  get(sql: string, ...values: Value[]): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  all(sql: string, ...values: Value[]): readonly Row[] {
    return this.#prepare(sql).all(...values);
  }

  /** For statements of any form, as filters make them: kept, they would pile up. */
  allOnce(sql: string, ...values: Value[]): readonly Row[] {
    return this.db.prepare(sql).all(...values);
  }

  /** Row by row: for more than fits in memory. */
  each(sql: string, ...values: Value[]): Iterable<Row> {
    return this.db.prepare(sql).iterate(...values);
  }

  /** @returns the number of rows changed. */
  run(sql: string, ...values: Value[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** Runs `work` in one transaction; whatever it throws, nothing of it is written. */
  transaction<T>(work: () => T, begin: "BEGIN" | "BEGIN IMMEDIATE" = "BEGIN IMMEDIATE"): T {
    this.run(begin);
    try {
      const result = work();
      this.run("COMMIT");
      return result;
    } catch (error) {
      // A full disk may have ended it already.
      if (this.db.isTransaction) this.db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Runs `read` on one instant of the data. */
  snapshot<T>(read: () => T): T {
    return this.transaction(read, "BEGIN");
  }

  #prepare(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const made = this.db.prepare(sql);
    this.#prepared.set(sql, made);
    return made;
  }
}

export function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`a text was expected, not ${typeof value}`);
  return value;
}

export function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError("bytes were expected");
  return value;
}

/** Whether the disk is full: reads go on, and writes as soon as there is room. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === SQLITE_FULL;
}

/** Whether the file can no longer be trusted or reached: after it, what was written is unknown. */
export function isFatal(error: unknown): boolean {
  const codes = [SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB];
  return codes.includes(codeOf(error));
}

/** Whether the file itself is wrong. */
export function isDamaged(error: unknown): boolean {
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(codeOf(error));
}

/** Opens or reads a file at start; what is wrong with it becomes one line that names it. */
export function usable<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!isFatal(error)) throw error;
    const why = isDamaged(error) ? "is damaged, or is no database" : "cannot be read or written";
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreUnusable(`${path} ${why} (${reason})`, { cause: error });
  }
}

/** @throws {StoreUnusable} for an SQLite with known ways to lose data. */
export function requireSqlite(version: string = sqliteVersion()): void {
  const found = version.split(".").map(Number);
  for (const [i, min] of VERSION_MIN.entries()) {
    const part = found[i] ?? 0;
    if (part > min) return;
    if (part < min) {
      const least = VERSION_MIN.join(".");
      throw new StoreUnusable(`SQLite ${version} can lose data: ${least} or later is needed`);
    }
  }
}

function sqliteVersion(): string {
  const db = new DatabaseSync(":memory:");
  const version = text(db.prepare("SELECT sqlite_version() AS version").get()?.["version"]);
  db.close();
  return version;
}

/** The primary result code; 0 if the error is not SQLite's. */
function codeOf(error: unknown): number {
  const code = error instanceof Error && "errcode" in error ? error.errcode : 0;
  return typeof code === "number" ? code & 0xff : 0;
}
