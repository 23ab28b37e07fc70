import type { SessionLease } from "../store.ts";
import type { Counters } from "./counters.ts";
import { type Statements, text } from "./database.ts";
import { earliest, makeReady, nextDueMs, putDue } from "./due.ts";

/** Answers forgotten in one sweep: more than are remembered in the time between two. */
const REPLIES_MAX = 10_000;
const SESSION_CHECKS = "sys/session-check";

export interface Swept {
  readonly moved: number;
  readonly nextDueMs?: number;
  /** The queues that got something to claim. */
  readonly queues: readonly string[];
}

/** The standing sweep: what is due becomes ready, silent sessions are raised, old answers go. */
export function sweep(
  statements: Statements,
  counters: Counters,
  { limit, expireLeases }: { readonly limit: number; readonly expireLeases: boolean },
): Swept {
  const ready = makeReady(statements, counters.nowMs, limit);
  const room = limit - ready.length;
  const raised = expireLeases ? raiseSilent(statements, counters, room) : 0;
  forgetReplies(statements, counters.nowMs);

  const sessionMs = expireLeases ? nextSilenceMs(statements) : undefined;
  const nextMs = earliest([nextDueMs(statements), sessionMs]);
  return {
    moved: ready.length + raised,
    ...(nextMs !== undefined && { nextDueMs: nextMs }),
    queues: [...new Set([...ready, ...(raised > 0 ? [SESSION_CHECKS] : [])])],
  };
}

/** Renews session leases. A renewed lease is raised again only after a new silence. */
export function beat(
  statements: Statements,
  { nowMs }: Counters,
  beats: readonly SessionLease[],
): readonly boolean[] {
  const sql = `
    UPDATE session_lease SET lease_ms = ?, until_ms = ?, next_ms = ?
    WHERE ns = ? AND agent_id = ? AND session_epoch = ?`;
  return beats.map(({ ns, agentId, sessionEpoch, leaseMs }) => {
    const checkMs = nowMs + Math.ceil(leaseMs / 2);
    return statements.run(sql, leaseMs, nowMs + leaseMs, checkMs, ns, agentId, sessionEpoch) > 0;
  });
}

/** One item for each session past its check or its lease, and one only. */
function raiseSilent(statements: Statements, counters: Counters, limit: number): number {
  const { nowMs } = counters;
  const silent = statements.all(
    `UPDATE session_lease
     SET next_ms = CASE WHEN next_ms < until_ms AND until_ms > ?1 THEN until_ms END
     WHERE (ns, agent_id) IN (
       SELECT ns, agent_id FROM session_lease WHERE next_ms <= ?1 ORDER BY next_ms LIMIT ?2
     ) RETURNING ns, agent_id, session_epoch`,
    nowMs,
    limit,
  );
  for (const row of silent) {
    const key = `${text(row["ns"])}/${text(row["agent_id"])}/${Number(row["session_epoch"])}`;
    putDue(statements, counters, { queue: SESSION_CHECKS, key, dueAtMs: nowMs });
  }
  return silent.length;
}

function nextSilenceMs(statements: Statements): unknown {
  const sql = "SELECT min(next_ms) AS ms FROM session_lease WHERE next_ms IS NOT NULL";
  return statements.get(sql)?.["ms"];
}

function forgetReplies(statements: Statements, nowMs: number): void {
  statements.run(
    `DELETE FROM reply WHERE (ns, key) IN (
       SELECT ns, key FROM reply WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?
     )`,
    nowMs,
    REPLIES_MAX,
  );
}
