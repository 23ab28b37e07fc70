import type { DuePut, Reserved } from "../store.ts";
import type { Counters } from "./counters.ts";
import { type Row, type Statements, text } from "./database.ts";

const WAITING = 0;
const READY = 1;
const RESERVED = 2;
/** The only queue whose items move while they wait. */
const TIMERS = "sys/timer";

/** Puts an item, ending any reservation by its new token. @returns the reservation it was put with. */
export function putDue(
  statements: Statements,
  counters: Counters,
  { queue, key, dueAtMs, payload, priority = 0, reserve }: DuePut,
): Reserved | undefined {
  const token = counters.nextToken();
  const untilMs = reserve && counters.nowMs + reserve.forMs;
  const state = reserve ? RESERVED : stateAt(dueAtMs, counters.nowMs);
  statements.run(
    "INSERT OR REPLACE INTO due VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ...([queue, key, state, priority, dueAtMs, payload ?? null, token] as const),
    ...([reserve?.owner ?? null, untilMs ?? null] as const),
  );
  if (untilMs === undefined) return undefined;
  return {
    queue,
    key,
    token,
    dueAtMs,
    untilMs,
    priority,
    ...(payload !== undefined && { payload }),
  };
}

/** Reserves ready items: highest priority, then longest due. */
export function claim(
  statements: Statements,
  counters: Counters,
  wants: readonly { readonly queue: string; readonly limit: number }[],
  owner: string,
  forMs: number,
): readonly Reserved[] {
  const untilMs = counters.nowMs + forMs;
  return wants.flatMap(({ queue, limit }) => {
    const ready = statements.all(
      `SELECT key, priority, due_at_ms, payload FROM due WHERE queue = ? AND state = ${READY}
       ORDER BY priority DESC, due_at_ms, key LIMIT ?`,
      queue,
      limit,
    );
    return ready.map((row) => {
      const item = toReserved(queue, row, counters.nextToken(), untilMs);
      statements.run(
        `UPDATE due SET state = ${RESERVED}, token = ?, owner = ?, until_ms = ?
         WHERE queue = ? AND key = ?`,
        ...([item.token, owner, untilMs, queue, item.key] as const),
      );
      return item;
    });
  });
}

function toReserved(queue: string, row: Row, token: number, untilMs: number): Reserved {
  const payload = row["payload"];
  return {
    queue,
    key: text(row["key"]),
    token,
    dueAtMs: Number(row["due_at_ms"]),
    untilMs,
    priority: Number(row["priority"]),
    ...(typeof payload === "string" && { payload }),
  };
}

/** Moves timers, whatever state they are in: who has reserved one loses it. */
export function extend(
  statements: Statements,
  counters: Counters,
  timers: readonly { readonly key: string; readonly dueAtMs: number }[],
): readonly boolean[] {
  const sql = `
    UPDATE due SET due_at_ms = ?, state = ?, token = ?, owner = NULL, until_ms = NULL
    WHERE queue = '${TIMERS}' AND key = ?`;
  return timers.map(({ key, dueAtMs }) => {
    const state = stateAt(dueAtMs, counters.nowMs);
    return statements.run(sql, dueAtMs, state, counters.nextToken(), key) > 0;
  });
}

/** Makes ready what is due, and what was reserved for too long. @returns the queue of each. */
export function makeReady(statements: Statements, nowMs: number, limit: number): readonly string[] {
  const due = statements.all(
    `UPDATE due SET state = ${READY} WHERE (queue, key) IN (
       SELECT queue, key FROM due WHERE state = ${WAITING} AND due_at_ms <= ?
       ORDER BY due_at_ms LIMIT ?
     ) RETURNING queue`,
    nowMs,
    limit,
  );
  const lapsed = statements.all(
    `UPDATE due SET state = ${READY}, owner = NULL, until_ms = NULL WHERE (queue, key) IN (
       SELECT queue, key FROM due WHERE state = ${RESERVED} AND until_ms <= ?
       ORDER BY until_ms LIMIT ?
     ) RETURNING queue`,
    nowMs,
    limit - due.length,
  );
  return [...due, ...lapsed].map(({ queue }) => text(queue));
}

/** When the next item becomes ready by itself. */
export function nextDueMs(statements: Statements): number | undefined {
  const times = [
    `SELECT min(due_at_ms) AS ms FROM due WHERE state = ${WAITING}`,
    `SELECT min(until_ms) AS ms FROM due WHERE state = ${RESERVED}`,
  ].map((sql) => statements.get(sql)?.["ms"]);
  return earliest(times);
}

/** The earliest of the times there are. */
export function earliest(times: readonly unknown[]): number | undefined {
  const known = times.filter((ms) => typeof ms === "number");
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Whether a queue has an item to claim. */
export function hasReady(statements: Statements, queue: string): boolean {
  const sql = `SELECT 1 AS one FROM due WHERE queue = ? AND state = ${READY} LIMIT 1`;
  return statements.get(sql, queue) !== undefined;
}

function stateAt(dueAtMs: number, nowMs: number): number {
  return dueAtMs <= nowMs ? READY : WAITING;
}
