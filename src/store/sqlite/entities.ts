import { Refused } from "../../core/errors.ts";
import { stateHash } from "../chain.ts";
import type {
  Entity,
  EntityKey,
  Kind,
  LeaseEnd,
  ListQuery,
  Reply,
  SessionLease,
} from "../store.ts";
import { isIntact } from "./checksum.ts";
import { bytes, type Row, type Statements, text, type Value } from "./database.ts";

const COLUMNS = `
  e.*, coalesce((
    SELECT sequence FROM chain c WHERE c.ns = e.ns AND c.kind = e.kind AND c.id = e.id
  ), 0) AS revision`;

/** @throws {Refused} `data_corrupt` for a state that is not what was written. */
export function load(statements: Statements, { ns, kind, id }: EntityKey): Entity | undefined {
  const sql = `SELECT ${COLUMNS} FROM entity e WHERE e.kind = ? AND e.ns = ? AND e.id = ?`;
  const row = statements.get(sql, kind, ns, id);
  if (row === undefined) return undefined;
  if (!isIntactEntity(row)) {
    const message = "the stored state is not what was written";
    throw new Refused({ code: "data_corrupt", key: `${ns}/${kind}/${id}`, message });
  }
  return toEntity(row);
}

export function isIntactEntity(row: Row): boolean {
  const hash = stateHash(text(row["state"]));
  return Buffer.from(hash).equals(bytes(row["state_hash"])) && isIntact(row, "state");
}

/** A page of entities, by keyset: what it costs does not depend on how far along it is. */
export function list(statements: Statements, query: ListQuery): readonly Entity[] {
  const { status, parent, order, limit } = query;
  if (status?.length === 0) return [];
  // In order of time each status is a range of an index: they are merged, not sorted.
  const merged = status !== undefined && parent === undefined && order !== "id";
  const pages = merged ? status.map((one) => pageOf(query, [one])) : [pageOf(query, status)];
  const rows = statements.all(
    `SELECT ${COLUMNS} FROM (${pages.map(({ sql }) => `SELECT * FROM (${sql})`).join(" UNION ALL ")}) e
     ORDER BY ${orderOf(query)} LIMIT ?`,
    ...pages.flatMap(({ values }) => values),
    limit,
  );
  return rows.map(toEntity);
}

function pageOf(query: ListQuery, status: readonly string[] | undefined) {
  const { ns, kind, parent, order, after, limit } = query;
  const conditions: string[] = [];
  const values: Value[] = [];
  const add = (condition: string, ...compared: readonly Value[]): void => {
    conditions.push(condition);
    values.push(...compared);
  };
  add("kind = ?", kind);
  if (ns !== undefined) add("ns = ?", ns);
  if (parent !== undefined) add("parent = ?", parent);
  if (status !== undefined) add(`status IN (${marks(status)})`, ...status);
  if (after !== undefined) {
    const place = { ns: after.ns ?? "", id: after.id, created_ms: after.createdMs };
    const keys = keysOf(query);
    const beyond = order === "newest" ? "<" : ">";
    add(`(${keys.join(", ")}) ${beyond} (${marks(keys)})`, ...keys.map((key) => place[key]));
  }
  const where = conditions.join(" AND ");
  // Children are few: without statistics SQLite would rather look through a status.
  const index = ns !== undefined && parent !== undefined ? "INDEXED BY entity_by_parent" : "";
  const sql = `SELECT * FROM entity ${index} WHERE ${where} ORDER BY ${orderOf(query)} LIMIT ?`;
  return { sql, values: [...values, limit] };
}

function orderOf(query: ListQuery): string {
  const direction = query.order === "newest" ? " DESC" : "";
  return keysOf(query)
    .map((key) => `${key}${direction}`)
    .join(", ");
}

/** What places an entity in the order asked for. */
function keysOf({ ns, order }: ListQuery): readonly ("created_ms" | "ns" | "id")[] {
  const unique = ns === undefined ? (["ns", "id"] as const) : (["id"] as const);
  return order === "id" ? unique : ["created_ms", ...unique];
}

function marks(values: readonly unknown[]): string {
  return values.map(() => "?").join(", ");
}

function toEntity(row: Row): Entity {
  const parent = row["parent"];
  return {
    ns: text(row["ns"]),
    kind: text(row["kind"]) as Kind,
    id: text(row["id"]),
    version: Number(row["version"]),
    revision: Number(row["revision"]),
    status: text(row["status"]),
    ...(typeof parent === "string" && { parent }),
    state: text(row["state"]),
    createdMs: Number(row["created_ms"]),
    updatedMs: Number(row["updated_ms"]),
  };
}

/** The stored answer, until its time is over. */
export function findReply(
  statements: Statements,
  ns: string,
  key: string,
  nowMs: number,
): Reply | undefined {
  const sql = "SELECT request_hash, body FROM reply WHERE ns = ? AND key = ? AND expires_ms > ?";
  const row = statements.get(sql, ns, key, nowMs);
  return row && { requestHash: bytes(row["request_hash"]), body: text(row["body"]) };
}

export function findLease(
  statements: Statements,
  { ns, agentId }: Pick<SessionLease, "ns" | "agentId">,
): LeaseEnd | undefined {
  const sql = `
    SELECT until_ms, lease_ms, session_epoch FROM session_lease WHERE ns = ? AND agent_id = ?`;
  const row = statements.get(sql, ns, agentId);
  return (
    row && {
      ns,
      agentId,
      sessionEpoch: Number(row["session_epoch"]),
      leaseMs: Number(row["lease_ms"]),
      untilMs: Number(row["until_ms"]),
    }
  );
}
