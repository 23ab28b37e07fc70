import { readdirSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

/** Every database of a store, below its folder. */
export function databases(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".db") && file !== "lock.db")
    .sort();
}

/** How to read everything in a database: its tables, and the same again over every index. */
export function queriesOf(path: string): readonly string[] {
  const db = openFrozen(path);
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const indexes = db
    .prepare("SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index'")
    .all();
  const overIndexes = indexes.map(({ name, tbl_name, sql }) => {
    const where = /\bWHERE .*$/.exec(String(sql ?? ""))?.[0] ?? "";
    const columns = db.prepare(`PRAGMA index_info(${name})`).all();
    const list = columns.map((column) => column["name"]).join(", ");
    return `SELECT ${list} FROM ${tbl_name} INDEXED BY ${name} ${where} ORDER BY ${orderOf(db, String(name))}`;
  });
  db.close();
  return [
    "SELECT type, name, tbl_name, sql FROM sqlite_schema",
    ...tables.map(({ name }) => `SELECT * FROM ${name}`),
    ...overIndexes,
  ];
}

/** Everything that a database says, or that it cannot be read. */
export function contentsOf(path: string, queries: readonly string[]): string {
  let db: DatabaseSync | undefined;
  try {
    db = openFrozen(path);
    const read = queries.map((sql) => {
      const statement = (db as DatabaseSync).prepare(sql);
      statement.setReadBigInts(true);
      return statement.all();
    });
    return JSON.stringify(read, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  } catch (error) {
    return `unreadable: ${String(error)}`;
  } finally {
    db?.close();
  }
}

function orderOf(db: DatabaseSync, index: string): string {
  const columns = db.prepare(`PRAGMA index_xinfo(${index})`).all();
  return columns
    .filter((column) => column["key"] === 1)
    .map((column) => `${column["name"]}${column["desc"] === 1 ? " DESC" : ""}`)
    .join(", ");
}

/** Without a write-ahead log, and without leaving one. */
function openFrozen(path: string): DatabaseSync {
  const url = pathToFileURL(path);
  url.searchParams.set("immutable", "1");
  return new DatabaseSync(url, { readOnly: true });
}
