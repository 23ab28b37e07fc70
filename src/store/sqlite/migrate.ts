import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { failpoint } from "../../failpoint.ts";
import { StoreUnusable } from "../unusable.ts";
import { Statements, text, usable } from "./database.ts";

/** The files of a store. Each has its own migrations, in a folder of this name. */
export type Schema = "control" | "log-head" | "log-day";

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

const MIGRATIONS = new URL("./migrations/", import.meta.url);
const CREATE = `
  CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
  ) STRICT`;

/**
 * Brings a file to this version, one transaction for each step, so that a crash in between goes on
 * at the next start. Only header and schema are looked at: a large store must open at once; states
 * and entries carry hashes of their own.
 *
 * @throws {StoreUnusable} for a file that is damaged, of something else, newer, or whose
 * migrations are not these.
 */
export function migrate(db: DatabaseSync, schema: Schema, path: string): void {
  usable(path, () => {
    const statements = new Statements(db);
    requireOurs(statements, path);
    db.exec(CREATE);
    for (const { number, name, sql, checksum } of missing(statements, schema, path)) {
      statements.transaction(() => {
        db.exec(sql);
        failpoint("migration.run");
        statements.run("INSERT INTO migration VALUES (?, ?, ?)", number, name, checksum);
      });
      failpoint("migration.done");
    }
  });
}

/** @throws {StoreUnusable} for a file that is not exactly of this version. */
export function requireMigrated(db: DatabaseSync, schema: Schema, path: string): void {
  const statements = new Statements(db);
  requireOurs(statements, path);
  const [next] = missing(statements, schema, path);
  if (next !== undefined) {
    throw new StoreUnusable(`${path} is of an older version: start the server on it once`);
  }
}

function missing(statements: Statements, schema: Schema, path: string): readonly Migration[] {
  const known = migrationsOf(schema);
  const made = statements.get("SELECT 1 AS one FROM sqlite_schema WHERE name = 'migration'");
  const applied = made ? statements.all("SELECT * FROM migration ORDER BY number") : [];
  for (const row of applied) {
    const name = text(row["name"]);
    const migration = known.find(({ number }) => number === row["number"]);
    if (migration === undefined) {
      throw new StoreUnusable(`${path} was written by a newer version (it has ${name})`);
    }
    if (migration.checksum !== row["checksum"] || migration.name !== name) {
      throw new StoreUnusable(`${path} was made by another ${name} than this version has`);
    }
  }
  return known.slice(applied.length);
}

function requireOurs(statements: Statements, path: string): void {
  const tables = statements.all("SELECT name FROM sqlite_schema WHERE type = 'table'");
  if (tables.length > 0 && !tables.some(({ name }) => name === "migration")) {
    throw new StoreUnusable(`${path} is a database of something else`);
  }
}

function migrationsOf(schema: Schema): readonly Migration[] {
  const folder = new URL(`${schema}/`, MIGRATIONS);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .sort()
    .map((file) => {
      const sql = readFileSync(new URL(file, folder), "utf8");
      const name = file.slice(0, -".sql".length);
      return { number: Number(name.slice(0, 4)), name, sql, checksum: hash("sha256", sql, "hex") };
    });
}
