import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { StoreUnusable } from "../unusable.ts";
import type { Statements } from "./database.ts";
import type { Finding, Problem } from "./finding.ts";
import { DAY_FILE } from "./log-files.ts";
import { findLogHead, type LogHead } from "./log-head.ts";
import { requireMigrated } from "./migrate.ts";
import { openUnchanged, verifyFile } from "./verify-file.ts";

type Findings<T = void> = Generator<Finding, T, undefined>;

const HEAD = join("logs", "head.db");
const DAY_MS = 86_400_000;

/** The files of the logs: each by itself, then what they and the head say together. */
export function* verifyLogs(folder: string): Findings {
  if (!existsSync(join(folder, HEAD))) {
    yield { type: "problem", file: HEAD, message: "is missing" };
    return;
  }
  const place = { folder, file: HEAD, schema: "log-head" } as const;
  // biome-ignore lint/correctness/useYield: it only answers.
  const head = yield* verifyFile(place, function* (statements) {
    return findLogHead(statements);
  });
  const files = readdirSync(join(folder, "logs")).flatMap((file) => DAY_FILE.exec(file)?.[1] ?? []);
  const known = head?.days.map(({ name }) => name) ?? [];
  for (const name of [...new Set([...known, ...files])].sort()) {
    const file = join("logs", `${name}.db`);
    if (!known.includes(name) && isUnfinished(join(folder, file))) continue;
    if (files.includes(name)) {
      const day = { folder, file, schema: "log-day" } as const;
      yield* verifyFile(day, (rows) => verifyDay(rows, file, name, head));
    } else {
      yield { type: "problem", file, message: "is missing" };
    }
  }
}

/** A day that a crash kept from being begun: it has no rows, and goes at the next start. */
function isUnfinished(path: string): boolean {
  let db: DatabaseSync | undefined;
  try {
    db = openUnchanged(path);
    requireMigrated(db, "log-day", path);
    return false;
  } catch (error) {
    return error instanceof StoreUnusable && !hasRows(db);
  } finally {
    db?.close();
  }
}

function hasRows(db: DatabaseSync | undefined): boolean {
  try {
    return db?.prepare("SELECT 1 FROM log LIMIT 1").get() !== undefined;
  } catch {
    return false;
  }
}

function* verifyDay(
  rows: Statements,
  file: string,
  name: string,
  head: LogHead | undefined,
): Findings {
  const problem = (position: number, message: string): Problem => {
    return { type: "problem", file, table: "log", key: String(position), message };
  };
  const startMs = Date.parse(name);
  let [last, lastMs]: [number | undefined, number] = [undefined, startMs];
  let first: number | undefined;
  for (const row of rows.each("SELECT position, at_ms FROM log ORDER BY position")) {
    const [position, atMs] = [Number(row["position"]), Number(row["at_ms"])];
    if (last !== undefined && position !== last + 1) yield problem(last + 1, "is missing");
    if (atMs < lastMs) yield problem(position, "is older than the row before it, or than its day");
    if (position === head?.position && atMs !== head.atMs) {
      yield problem(position, "has another time than the head");
    }
    first ??= position;
    [last, lastMs] = [position, atMs];
  }
  if (last !== undefined && lastMs >= startMs + DAY_MS) yield problem(last, "is of a later day");
  const found = { first: first ?? 0, last: last ?? 0 };
  const wrong = head && disagreement(head, name, found);
  if (wrong !== undefined) yield { type: "problem", file, table: "log", message: wrong };
}

/** Rows behind the head, and files below the floor, are what a crash leaves and the next start sees to. */
function disagreement(
  { position, floor, days }: LogHead,
  name: string,
  { first, last }: { readonly first: number; readonly last: number },
): string | undefined {
  const day = days.find((one) => one.name === name);
  const found = last === 0 ? "it has none" : `it has ${first} to ${last}`;
  if (day === undefined) {
    const isCrash = last <= floor || first === position + 1;
    return isCrash ? undefined : `is of a day that the head does not know: ${found}`;
  }
  const isNewest = day === days.at(-1);
  const ends = last === day.last || (isNewest && last > day.last);
  if (first === day.first && ends) return undefined;
  return `should have rows ${day.first} to ${day.last}: ${found}`;
}
