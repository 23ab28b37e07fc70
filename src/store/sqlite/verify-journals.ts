import { chainHash } from "../chain.ts";
import type { Kind } from "../store.ts";
import { bytes, type Row, type Statements, text } from "./database.ts";
import type { Finding, Problem } from "./finding.ts";

type Findings = Generator<Finding, void, undefined>;

const JOURNALS = ["agents", "runs"];
const PROGRESS_ROWS = 20_000;

/** What rows say together: positions without a hole, chains without a broken link, heads that agree. */
export function* verifyJournals(statements: Statements, file: string): Findings {
  for (const journal of JOURNALS) yield* verifyPositions(statements, file, journal);
  yield* verifyChains(statements, file);
  yield* verifyChainEnds(statements, file);
  const highest = Number(statements.get("SELECT max(token) AS token FROM due")?.["token"] ?? 0);
  if (Number(statements.get("SELECT last FROM token")?.["last"] ?? -1) < highest) {
    yield {
      type: "problem",
      file,
      table: "token",
      message: `is behind token ${highest} of a due item`,
    };
  }
}

function* verifyPositions(statements: Statements, file: string, journal: string): Findings {
  const problem = (key: unknown, message: string): Problem => {
    return { type: "problem", file, table: "entry", key: `${journal}/${key}`, message };
  };
  const head = statements.get("SELECT * FROM head WHERE journal = ?", journal);
  if (head === undefined) {
    yield { type: "problem", file, table: "head", key: journal, message: "is missing" };
    return;
  }
  const [position, floor] = [Number(head["position"]), Number(head["floor"])];
  const sql = "SELECT position, at_ms, ends FROM entry WHERE journal = ? ORDER BY position";
  let last: Row | undefined;
  for (const row of statements.each(sql, journal)) {
    // Below the floor, some may wait to be deleted.
    const before =
      last === undefined ? Math.min(floor, Number(row["position"]) - 1) : Number(last["position"]);
    if (row["position"] !== before + 1) yield problem(before + 1, "is missing");
    if (Number(row["at_ms"]) < Number(last?.["at_ms"] ?? 0)) {
      yield problem(row["position"], "is older than the entry before it");
    }
    last = row;
  }
  const end = Number(last?.["position"] ?? floor);
  if (end !== position) yield problem(end + 1, `is missing: the head is at ${position}`);
  if (last === undefined) return;
  if (last["ends"] !== 1) yield problem(end, "is the last entry, but not the end of its commit");
  if (last["at_ms"] !== head["at_ms"]) yield problem(end, "has another time than the head");
}

/** Every chain, entity by entity, from its first entry that is kept to its end. */
function* verifyChains(statements: Statements, file: string): Findings {
  const sql = `
    SELECT * FROM entry INDEXED BY entry_by_entity WHERE journal = ?
    ORDER BY ns, kind, id, position`;
  let rows = 0;
  for (const journal of JOURNALS) {
    let chain: Chain | undefined;
    for (const row of statements.each(sql, journal)) {
      if (chain?.name !== nameOf(row)) {
        yield* finish(chain, file);
        chain = begin(statements, row);
      }
      follow(chain, row);
      if (++rows % PROGRESS_ROWS === 0) yield { type: "progress", file, table: "chain", rows };
    }
    yield* finish(chain, file);
  }
  yield { type: "progress", file, table: "chain", rows };
}

/** The chain of an entity as far as it was followed. */
interface Chain {
  readonly name: string;
  /** What the store says of it; absent for an entity that was removed, whose entries stay. */
  readonly stored: Row | undefined;
  sequence: number;
  /** Null where entries were deleted without keeping the hash of the last. */
  hash: Uint8Array | null | undefined;
  /** The first entry that does not follow from the one before. */
  broken: { readonly sequence: unknown; readonly message: string } | undefined;
}

function begin(statements: Statements, row: Row): Chain {
  const sql = "SELECT * FROM chain WHERE ns = ? AND kind = ? AND id = ?";
  const stored = statements.get(sql, text(row["ns"]), text(row["kind"]), text(row["id"]));
  const sequence = Number(row["sequence"]) - 1;
  const chain = { name: nameOf(row), stored, sequence, hash: null, broken: undefined };
  if (stored === undefined || sequence === 0) return chain;
  const { floor_sequence, floor_hash } = stored;
  if (floor_sequence === sequence) return { ...chain, hash: floor_hash as Uint8Array | null };
  return {
    ...chain,
    broken: { sequence: row["sequence"], message: "follows on nothing that is kept" },
  };
}

function follow(chain: Chain, row: Row): void {
  const sequence = Number(row["sequence"]);
  // The id of an entity that was removed is in use again.
  if (sequence === 1) [chain.sequence, chain.hash, chain.broken] = [0, undefined, undefined];
  if (chain.broken !== undefined) return;
  if (sequence !== chain.sequence + 1) {
    chain.broken = { sequence, message: `follows on entry ${chain.sequence}` };
  } else if (chain.hash !== null && !isLink(chain.hash, row)) {
    chain.broken = {
      sequence,
      message: "has not the hash of its contents and the entry before it",
    };
  }
  [chain.sequence, chain.hash] = [sequence, bytes(row["hash"])];
}

function isLink(previous: Uint8Array | undefined, row: Row): boolean {
  const [ns, kind, id] = [text(row["ns"]), text(row["kind"]) as Kind, text(row["id"])];
  const [sequence, atMs] = [Number(row["sequence"]), Number(row["at_ms"])];
  const hash = chainHash(previous, { ns, kind, id, sequence, atMs, body: text(row["body"]) });
  return isSame(hash, row["hash"]);
}

function* finish(chain: Chain | undefined, file: string): Findings {
  if (chain === undefined) return;
  const { name, stored, sequence, hash, broken } = chain;
  const problem = { type: "problem", file, table: "chain", key: name } as const;
  if (broken !== undefined) {
    yield { ...problem, message: `is broken: entry ${broken.sequence} ${broken.message}` };
  } else if (
    stored !== undefined &&
    !(stored["sequence"] === sequence && isSame(hash, stored["hash"]))
  ) {
    yield { ...problem, message: `does not end at the last entry, ${sequence}` };
  }
}

/** What chains and entities say of each other, and of chains whose entries are all deleted. */
function* verifyChainEnds(statements: Statements, file: string): Findings {
  function* found(message: string, sql: string): Generator<Problem> {
    for (const row of statements.each(sql)) {
      yield { type: "problem", file, table: "chain", key: nameOf(row), message };
    }
  }
  const has = (table: string) =>
    `EXISTS (SELECT 1 FROM ${table} o WHERE o.ns = c.ns AND o.kind = c.kind AND o.id = c.id)`;
  const entries = `
    SELECT 1 FROM entry e INDEXED BY entry_by_entity WHERE e.journal IN ('agents', 'runs')
    AND e.ns = c.ns AND e.kind = c.kind AND e.id = c.id`;
  yield* found("is of no entity", `SELECT ns, kind, id FROM chain c WHERE NOT ${has("entity")}`);
  yield* found(
    "has no entry, and does not end where they were deleted",
    `SELECT ns, kind, id FROM chain c WHERE NOT EXISTS (${entries})
     AND (floor_sequence <> sequence OR floor_hash IS NOT hash)`,
  );
  yield* found(
    "is missing",
    `SELECT DISTINCT ns, kind, id FROM entry c WHERE ${has("entity")} AND NOT ${has("chain")}`,
  );
}

function nameOf(row: Row): string {
  return `${row["ns"]}/${row["kind"]}/${row["id"]}`;
}

function isSame(a: unknown, b: unknown): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
}
