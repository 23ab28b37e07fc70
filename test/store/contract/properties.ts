import fc from "fast-check";
import { expect, test } from "vitest";
import { type Filter, matchesFilter } from "../../../src/core/filter.ts";
import type { LogRow, StoredLog } from "../../../src/core/log.ts";
import type { Entity, Entry } from "../../../src/store/store.ts";
import { type Given, put, run, soon } from "../given.ts";

export function describeProperties(given: Given): void {
  test("a tail sees every entry once, in order, while 16 writers write", async () => {
    const WRITERS = 16;
    const ROUNDS = 12;
    async function write(writer: number): Promise<void> {
      for (let version = 0; version < ROUNDS; version++) {
        const says = Array.from({ length: 1 + (version % 3) }, (_, n) => `${version}.${n}`);
        await given.store.commit(put(run(`r${writer}`), { version, says }));
        // Loses every time, so that positions of refused commits would show.
        await given.store.commit(put(run(`r${writer}`), { says })).catch(() => undefined);
      }
    }
    const writing = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    const total = WRITERS * (ROUNDS / 3) * 6;
    const seen: Entry[] = [];
    for (let after = 0n; seen.length < total; ) {
      await given.store.changed("runs", after, soon());
      const { entries, through } = await given.store.read("runs", after, 1 + (seen.length % 7));
      expect(entries.at(-1)?.ends ?? true).toBe(true);
      seen.push(...entries);
      after = through;
    }
    await writing;
    expect(seen.map(({ position }) => position)).toEqual(seen.map((_, i) => BigInt(i + 1)));
    for (let writer = 0; writer < WRITERS; writer++) {
      const own = seen.filter(({ id }) => id === `r${writer}`);
      expect(own.map(({ sequence }) => sequence)).toEqual(own.map((_, i) => i + 1));
      expect(own.map(({ body }) => body)).toEqual([...own].sort(byRound).map(({ body }) => body));
    }
    expect(await given.store.head("runs")).toBe(BigInt(total));
  });

  test("who lists, and follows from the first page, misses nothing", async () => {
    const moves = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 30 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(moves, fc.integer({ min: 1, max: 3 }), async (writes, limit) => {
        const ns = `round${++round}`;
        const versions = new Map<string, number>();
        const writing = (async () => {
          for (const write of writes) {
            const id = `r${write}`;
            const version = versions.get(id) ?? 0;
            versions.set(id, version + 1);
            const commit = put(run(id, ns), {
              version,
              state: version + 1,
              says: [`${version + 1}`],
            });
            await given.store.commit(commit);
          }
        })();
        const known = await listAll(given, ns, limit);
        await writing;
        const head = await given.store.head("runs");
        for (let after = known.at; after < head; ) {
          const { entries, through } = await given.store.read("runs", after, 4, { ns });
          for (const { id, body } of entries) known.states.set(id, body);
          after = through;
        }
        const expected = [...versions].map(([id, version]) => [id, String(version)]);
        expect([...known.states].sort()).toEqual(expected.sort());
      }),
      { numRuns: 15 },
    );
  });

  test("a search finds exactly the rows that the filter matches", async () => {
    const rows = fc.sample(logRows, { numRuns: 150, seed: 7 });
    await given.store.appendLogs({ ns: "default", rows }, "committed");
    const all = { ns: "default", order: "oldest", scan: 10_000, limit: 1_000 } as const;
    const { rows: stored } = await given.store.searchLogs(all, soon());
    expect(stored.map(({ position, atMs, ...row }) => row)).toEqual(rows);
    await fc.assert(
      fc.asyncProperty(filters(stored), async (filter) => {
        const found = await given.store.searchLogs({ ...all, filter }, soon());
        const expected = stored.filter((row) => matchesFilter(filter, (field) => read(row, field)));
        expect(found.rows.map(({ position }) => position)).toEqual(
          expected.map(({ position }) => position),
        );
      }),
      { numRuns: 300 },
    );
  });
}

function byRound(a: Entry, b: Entry): number {
  return Number(a.body) - Number(b.body);
}

async function listAll(given: Given, ns: string, limit: number) {
  const states = new Map<string, string>();
  const query = { ns, kind: "run", order: "id", journal: "runs", limit } as const;
  let last: Entity | undefined;
  let at: bigint | undefined;
  for (;;) {
    const page = await given.store.list({ ...query, ...(last && { after: last }) });
    at ??= page.at;
    for (const { id, state } of page.entities) states.set(id, state);
    if (page.entities.length < limit) return { states, at };
    last = page.entities.at(-1);
  }
}

const words = fc.oneof(
  fc.constantFrom("", "a", "A", "agent-1", "50%", "_", "'\"\\", "\u{ff5e}", "\u{1f600}", "ä"),
  fc.string({ unit: "grapheme", maxLength: 4 }),
);
const numbers = fc.oneof(
  fc.constantFrom(0, -0, 1, 1.5, -3, 2 ** 53, 2 ** 60, 1e300, 5e-324, 0.1),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
// Not "\\": once JSON.parse of V8 13.6 has seen that key, it reads the key "\"" as it.
const keys = fc.constantFrom("k", "a.b", '"', "$", "", "'", "[0]", "a\\b", "__proto__", "ключ");
const attributes = fc
  .array(
    fc.tuple(
      keys,
      fc.oneof(
        words,
        numbers,
        fc.boolean(),
        fc.constant(null),
        fc.constant([1]),
        fc.constant({ k: 1 }),
      ),
    ),
    { maxLength: 5 },
  )
  .map((pairs) =>
    JSON.parse(`{${pairs.map((p) => `${JSON.stringify(p[0])}:${JSON.stringify(p[1])}`)}}`),
  );
const optional = {
  agentId: words,
  runId: words,
  taskId: words,
  traceId: words,
  stepPath: words,
  attributes,
};
const logRows: fc.Arbitrary<LogRow> = fc.record(
  {
    kind: fc.constantFrom("operation", "dropped"),
    operation: words,
    severity: fc.integer({ min: 1, max: 24 }),
    message: words,
    actor: words,
    ...optional,
  },
  { requiredKeys: ["kind", "operation", "severity", "message", "actor"] },
);

type Field = Parameters<Parameters<typeof matchesFilter>[1]>[0];

const NAMES: Readonly<Record<string, keyof StoredLog>> = {
  kind: "kind",
  operation: "operation",
  severity: "severity",
  message: "message",
  actor: "actor",
  agent_id: "agentId",
  run_id: "runId",
  task_id: "taskId",
  trace_id: "traceId",
  step_path: "stepPath",
  time: "atMs",
  attributes: "attributes",
};

/** A field of a row, as the rules read it. */
function read(row: StoredLog, { name, key }: Field): unknown {
  const property = NAMES[name];
  const value = property === undefined ? undefined : row[property];
  if (key === undefined) return value;
  if (typeof value !== "object") return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

/** Filters over values that rows have, so that many of them match something. */
function filters(rows: readonly StoredLog[]): fc.Arbitrary<Filter> {
  const field: fc.Arbitrary<Field> = fc.oneof(
    fc.constantFrom(...Object.keys(NAMES), "unknown").map((name) => ({ name })),
    keys.map((key) => ({ name: "attributes", key })),
    fc.constant({ name: "message", key: "k" }),
  );
  const some = fc.oneof(words, numbers, fc.boolean(), fc.integer({ min: 0, max: 25 }));
  const isPlain = (value: unknown) => /^(string|number|boolean)$/.test(typeof value);
  const compared = fc
    .tuple(field, fc.nat(rows.length - 1), some, fc.boolean())
    .map(([at, row, other, own]) => {
      const found = rows[row] && read(rows[row], at);
      return { field: at, value: own && isPlain(found) ? (found as string) : other };
    });
  const op = fc.constantFrom("==", "!=", "<", "<=", ">", ">=");
  const leaf: fc.Arbitrary<Filter> = fc.oneof(
    fc.tuple(compared, op).map(([c, o]) => ({ type: "compare" as const, ...c, op: o })),
    field.map((f) => ({ type: "has" as const, field: f })),
    fc.tuple(field, fc.array(some, { maxLength: 3 })).map(([f, values]) => ({
      type: "in" as const,
      field: f,
      values,
    })),
    fc.tuple(compared, fc.nat(2)).map(([{ field: f, value }, length]) => ({
      type: "starts_with" as const,
      field: f,
      prefix: [...String(value)].slice(0, length).join(""),
    })),
  );
  return fc.letrec<{ node: Filter }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3, depthIdentifier: "filter" },
      leaf,
      fc.record({ type: fc.constant("not"), item: tie("node") }),
      fc.record({
        type: fc.constantFrom("and", "or"),
        items: fc.array(tie("node"), { maxLength: 3 }),
      }),
    ),
  })).node;
}
