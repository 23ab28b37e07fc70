import { Refused } from "../../core/errors.ts";
import { failpoint } from "../../failpoint.ts";
import { chainHash, stateHash } from "../chain.ts";
import type { Commit, EntityKey, NewEntry, Reply, Reserved } from "../store.ts";
import type { Counters } from "./counters.ts";
import { bytes, type Statements } from "./database.ts";
import { putDue } from "./due.ts";
import { findReply } from "./entities.ts";

/** `Committed` as plain numbers. */
export interface Written {
  readonly atMs: number;
  readonly entries: readonly (readonly [position: number, sequence: number, atMs: number])[];
  readonly reserved: readonly Reserved[];
  readonly replayed?: Reply;
}

/**
 * Writes a commit inside a transaction that others share. Every check comes before the first
 * write, so a refused commit leaves nothing behind and its neighbours alone.
 *
 * @throws {Refused} `version_conflict`, `reservation_lost`.
 */
export function applyCommit(statements: Statements, counters: Counters, commit: Commit): Written {
  const { reply } = commit;
  const replayed = reply && findReply(statements, reply.ns, reply.key, counters.nowMs);
  if (replayed !== undefined) return { atMs: counters.nowMs, entries: [], reserved: [], replayed };
  const found = checkVersions(statements, commit);
  checkTokens(statements, commit);
  failpoint("commit.checked");

  writeEntities(statements, commit, found, counters.nowMs);
  failpoint("commit.entities");
  const entries = writeEntries(statements, counters, commit.entries ?? []);
  failpoint("commit.entries");
  for (const { ns, kind, id } of commit.remove ?? []) {
    statements.run("DELETE FROM entity WHERE kind = ? AND ns = ? AND id = ?", kind, ns, id);
    statements.run("DELETE FROM chain WHERE ns = ? AND kind = ? AND id = ?", ns, kind, id);
  }
  const reserved = writeDue(statements, counters, commit);
  writeSessions(statements, commit, counters.nowMs);
  writeReply(statements, commit, counters.nowMs);
  failpoint("commit.written");
  return { atMs: counters.nowMs, entries, reserved };
}

/** What a commit writes over. */
interface Found {
  readonly rowid: number;
  readonly version: number;
  readonly status: string;
  readonly parent: string | null;
}

/** @returns the entities at the versions that hold, by key; `undefined` for those that do not exist. */
function checkVersions(
  statements: Statements,
  commit: Commit,
): ReadonlyMap<string, Found | undefined> {
  const found = new Map<string, Found | undefined>();
  for (const { ns, kind, id, version } of commit.expect ?? []) {
    const sql = `
      SELECT rowid, version, status, parent FROM entity WHERE kind = ? AND ns = ? AND id = ?`;
    const row = statements.get(sql, kind, ns, id) as Found | undefined;
    const key = nameOf({ ns, kind, id });
    if ((row?.version ?? 0) !== version) throw new Refused({ code: "version_conflict", key });
    found.set(key, row);
  }
  for (const key of [...(commit.put ?? []), ...(commit.remove ?? [])]) {
    if (!found.has(nameOf(key))) throw new Error(`${nameOf(key)} is written without its version`);
  }
  return found;
}

function checkTokens(statements: Statements, { finish = [] }: Commit): void {
  for (const { queue, key, token } of finish) {
    if (token === undefined) continue;
    const found = statements.get("SELECT token FROM due WHERE queue = ? AND key = ?", queue, key);
    if (found?.["token"] !== token) throw new Refused({ code: "reservation_lost", key });
  }
}

function writeEntities(
  statements: Statements,
  { put = [] }: Commit,
  found: ReadonlyMap<string, Found | undefined>,
  nowMs: number,
): void {
  for (const { ns, kind, id, status, parent = null, state } of put) {
    const before = found.get(nameOf({ ns, kind, id }));
    const hash = stateHash(state);
    if (before === undefined) {
      const sql = "INSERT INTO entity VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?)";
      statements.run(sql, ns, kind, id, status, parent, state, hash, nowMs, nowMs);
      continue;
    }
    const { rowid, version } = before;
    const next = [version + 1, state, hash, nowMs] as const;
    const set = "UPDATE entity SET version = ?, state = ?, state_hash = ?, updated_ms = ?";
    // Naming a column rewrites its indexes, changed or not.
    if (before.status === status && before.parent === parent) {
      statements.run(`${set} WHERE rowid = ?`, ...next, rowid);
    } else {
      const sql = `${set}, status = ?, parent = ? WHERE rowid = ?`;
      statements.run(sql, ...next, status, parent, rowid);
    }
  }
}

interface ChainEnd {
  readonly key: EntityKey;
  sequence: number;
  hash: Uint8Array | undefined;
}

function writeEntries(
  statements: Statements,
  counters: Counters,
  entries: readonly NewEntry[],
): Written["entries"] {
  const chains = new Map<string, ChainEnd>();
  const last = new Map(entries.map(({ journal }, i) => [journal, i]));
  const written = entries.map(({ journal, ns, kind, id, body }, i) => {
    const name = nameOf({ ns, kind, id });
    const chain = chains.get(name) ?? findChain(statements, { ns, kind, id });
    chains.set(name, chain);
    const { position, atMs } = counters.nextPosition(journal);
    const sequence = ++chain.sequence;
    chain.hash = chainHash(chain.hash, { ns, kind, id, sequence, atMs, body });
    const ends = last.get(journal) === i ? 1 : 0;
    statements.run(
      "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ...([journal, position, ns, kind, id, sequence, atMs, body, chain.hash, ends] as const),
    );
    return [position, sequence, atMs] as const;
  });
  for (const { key, sequence, hash } of chains.values()) {
    const sql = `
      INSERT INTO chain (ns, kind, id, sequence, hash) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash`;
    statements.run(sql, key.ns, key.kind, key.id, sequence, hash ?? null);
  }
  return written;
}

function findChain(statements: Statements, key: EntityKey): ChainEnd {
  const sql = "SELECT sequence, hash FROM chain WHERE ns = ? AND kind = ? AND id = ?";
  const row = statements.get(sql, key.ns, key.kind, key.id);
  if (row === undefined) return { key, sequence: 0, hash: undefined };
  return { key, sequence: Number(row["sequence"]), hash: bytes(row["hash"]) };
}

function writeDue(
  statements: Statements,
  counters: Counters,
  { finish = [], due = [] }: Commit,
): readonly Reserved[] {
  for (const { queue, key } of finish) {
    statements.run("DELETE FROM due WHERE queue = ? AND key = ?", queue, key);
  }
  return due.flatMap((item) => putDue(statements, counters, item) ?? []);
}

function writeSessions(
  statements: Statements,
  { sessions = [], endSessions = [] }: Commit,
  nowMs: number,
): void {
  for (const { ns, agentId, sessionEpoch } of endSessions) {
    const sql = "DELETE FROM session_lease WHERE ns = ? AND agent_id = ? AND session_epoch = ?";
    statements.run(sql, ns, agentId, sessionEpoch);
  }
  for (const { ns, agentId, sessionEpoch, leaseMs } of sessions) {
    const sql = "INSERT OR REPLACE INTO session_lease VALUES (?, ?, ?, ?, ?, ?)";
    const untilMs = nowMs + leaseMs;
    const checkMs = nowMs + Math.ceil(leaseMs / 2);
    statements.run(sql, ns, agentId, sessionEpoch, leaseMs, untilMs, checkMs);
  }
}

function writeReply(statements: Statements, { reply }: Commit, nowMs: number): void {
  if (reply === undefined) return;
  const { ns, key, requestHash, body, ttlMs } = reply;
  const sql = "INSERT OR REPLACE INTO reply VALUES (?, ?, ?, ?, ?)";
  statements.run(sql, ns, key, requestHash, body, nowMs + ttlMs);
}

function nameOf({ ns, kind, id }: EntityKey): string {
  return `${ns}/${kind}/${id}`;
}
