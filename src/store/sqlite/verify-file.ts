import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { StoreUnusable } from "../unusable.ts";
import { isIntact } from "./checksum.ts";
import { openReader, openWriter, type Row, Statements, text } from "./database.ts";
import { isIntactEntity } from "./entities.ts";
import type { Finding, Problem } from "./finding.ts";
import { migrate, requireMigrated, type Schema } from "./migrate.ts";
import { findLostCommits } from "./wal.ts";

/** One file of a store. */
export interface StoreFile {
  readonly folder: string;
  readonly file: string;
  readonly schema: Schema;
}

type Findings<T = void> = Generator<Finding, T, undefined>;

const PROGRESS_ROWS = 20_000;
const PROBLEMS_MAX = 100;

/** Looks at a file, then at what `further` says about its contents. */
export function* verifyFile<T = void>(
  { folder, file, schema }: StoreFile,
  further: (statements: Statements, file: string) => Findings<T>,
): Findings<T | undefined> {
  const path = join(folder, file);
  const lost = findLostCommits(`${path}-wal`);
  if (lost !== undefined) yield { type: "problem", file: `${file}-wal`, message: lost };
  let db: DatabaseSync | undefined;
  try {
    db = openUnchanged(path);
    const statements = new Statements(db);
    requireMigrated(db, schema, path);
    yield* verifyStructure(statements, file, schema);
    for (const table of expected(schema).tables) yield* verifyRows(statements, file, table);
    return yield* further(statements, file);
  } catch (error) {
    if (error instanceof StoreUnusable) throw error;
    yield { type: "problem", file, message: `cannot be read: ${messageOf(error)}` };
    return undefined;
  } finally {
    db?.close();
  }
}

/** A reader that leaves nothing behind where there is no write-ahead log to read. */
export function openUnchanged(path: string): DatabaseSync {
  const wal = `${path}-wal`;
  if (existsSync(wal) && statSync(wal).size > 0) return openReader(path);
  const url = pathToFileURL(path);
  url.searchParams.set("immutable", "1");
  return new DatabaseSync(url, { readOnly: true });
}

/** SQLite's own structures, and the tables and indexes that there must be. */
function* verifyStructure(statements: Statements, file: string, schema: Schema): Findings {
  for (const row of statements.each(`PRAGMA integrity_check(${PROBLEMS_MAX})`)) {
    const message = text(row["integrity_check"]);
    if (message !== "ok") yield { type: "problem", file, message };
  }
  const found = objectsOf(statements);
  const { objects } = expected(schema);
  for (const name of new Set([...objects.keys(), ...found.keys()])) {
    if (objects.get(name) === found.get(name)) continue;
    yield {
      type: "problem",
      file,
      table: "sqlite_schema",
      key: name,
      message: "is not as it was made",
    };
  }
}

/** Whether every row is what was written. */
function* verifyRows(statements: Statements, file: string, table: Table): Findings {
  const { name, keys } = table;
  const check = name === "entity" ? isIntactEntity : (row: Row) => isIntact(row);
  yield* eachRow(statements, file, table, function* (row) {
    if (check(row)) return;
    const problem = { type: "problem", file, table: name, key: keyOf(row, keys) } as const;
    yield { ...problem, message: "is not what was written" };
  });
}

function* eachRow(
  statements: Statements,
  file: string,
  { name: table, keys }: Table,
  look: (row: Row) => Generator<Problem>,
): Findings {
  let [rows, last] = [0, ""];
  try {
    for (const row of statements.each(`SELECT * FROM ${table}`)) {
      yield* look(row);
      rows++;
      last = keyOf(row, keys);
      if (rows % PROGRESS_ROWS === 0) yield { type: "progress", file, table, rows };
    }
  } catch (error) {
    const where = rows === 0 ? "the first row" : `the row after ${last}`;
    yield { type: "problem", file, table, message: `${where} cannot be read: ${messageOf(error)}` };
  }
  yield { type: "progress", file, table, rows };
}

interface Table {
  readonly name: string;
  readonly keys: readonly string[];
}

interface Expected {
  /** The SQL of every table and index, by name. */
  readonly objects: ReadonlyMap<string, unknown>;
  /** Those with checksums. */
  readonly tables: readonly Table[];
}

const known = new Map<Schema, Expected>();

/** What migrations make of an empty file. */
function expected(schema: Schema): Expected {
  const found = known.get(schema);
  if (found !== undefined) return found;
  const db = openWriter(":memory:");
  migrate(db, schema, ":memory:");
  const statements = new Statements(db);
  const tables = statements.all(
    `SELECT s.name, json_group_array(c.name ORDER BY c.cid) FILTER (WHERE c.pk > 0) AS keys
     FROM sqlite_schema s, pragma_table_xinfo(s.name) c
     WHERE s.type = 'table' GROUP BY s.name HAVING max(c.name = 'checksum' AND c.hidden > 0)`,
  );
  const made = {
    objects: objectsOf(statements),
    tables: tables.map((row) => ({ name: text(row["name"]), keys: JSON.parse(text(row["keys"])) })),
  };
  db.close();
  known.set(schema, made);
  return made;
}

function objectsOf(statements: Statements): ReadonlyMap<string, unknown> {
  const rows = statements.all("SELECT type, name, tbl_name, sql FROM sqlite_schema");
  return new Map(rows.map(({ name, ...rest }) => [String(name), JSON.stringify(rest)]));
}

function keyOf(row: Row, keys: readonly string[]): string {
  return keys.map((key) => row[key]).join("/");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
