import { join } from "node:path";
import { expect } from "vitest";
import { openReader, Statements } from "../../src/store/sqlite/database.ts";
import { load } from "../../src/store/sqlite/entities.ts";
import { findHead, positionBefore, readJournal } from "../../src/store/sqlite/journals.ts";
import { LogFiles } from "../../src/store/sqlite/log-files.ts";
import { logPositionBefore, readLogs } from "../../src/store/sqlite/log-reads.ts";
import { prepareFolder } from "../../src/store/sqlite/parts.ts";
import { verifyFolder } from "../../src/store/sqlite/verify.ts";
import type { Store } from "../../src/store/store.ts";

/** What a child that does `work` was told is kept. */
export class Acknowledged {
  version = 0;
  position = 0n;
  log = 0;
  queued = 0;

  hear(line: string): void {
    const [what, first = "", version, position = "0"] = line.split(" ");
    if (what === "log") this.log = Number(first);
    if (what === "queued") this.queued = Number(first);
    if (what !== "commit") return;
    this.version = Number(version);
    this.position = BigInt(position);
  }
}

/** Accepted rows that a crash may lose. */
const QUEUED_MAX = 5_000;

type Readable = Pick<Store, "load" | "head" | "read" | "positionBefore">;

/** Brings a folder to rights as a start does, and reads it without the threads of a server. */
export async function readFolder(
  folder: string,
  look: (store: Readable) => Promise<void>,
): Promise<void> {
  using opened = new DisposableStack();
  opened.defer(prepareFolder(folder));
  const control = new Statements(openReader(join(folder, "ops.db")));
  opened.defer(() => control.db.close());
  const logs = new LogFiles({ folder: join(folder, "logs"), readOnly: true });
  opened.defer(() => logs.close());
  await look({
    load: async (keys) => keys.map((key) => load(control, key)),
    head: async () => BigInt(findHead(control, "runs").position),
    positionBefore: async (journal, atMs) =>
      BigInt(
        journal === "logs" ? logPositionBefore(logs, atMs) : positionBefore(control, journal, atMs),
      ),
    read: async (journal, after, limit) =>
      journal === "logs"
        ? readLogs(logs, Number(after), limit, undefined)
        : readJournal(control, journal, Number(after), limit, undefined),
  });
}

/** All that was acknowledged is in the store, and nothing is torn. */
export async function expectKept(store: Readable, known: Acknowledged): Promise<void> {
  const pair = ["a0", "b0"].map((id) => ({ ns: "n", kind: "run", id }) as const);
  const [a, b] = await store.load(pair);
  expect(a?.version ?? 0).toBeGreaterThanOrEqual(known.version);
  expect([b?.version, b?.state]).toEqual([a?.version, a?.state]);
  expect(await store.head("runs")).toBeGreaterThanOrEqual(known.position);
  const { entries } = await store.read("runs", await store.positionBefore("runs", 0), 1_000_000);
  const last = entries.slice(-2).map(({ id, sequence, body }) => [id, sequence, body]);
  if (last.length === 2) {
    expect(last).toEqual(["a0", "b0"].map((id) => [id, a?.version, String(a?.version)]));
  }
  const floor = await store.positionBefore("logs", 0);
  const rows = (await store.read("logs", floor, 1_000_000)).entries.map(({ body }) => {
    return JSON.parse(body) as { readonly operation: string; readonly message: string };
  });
  const numbersOf = (operation: string) =>
    rows.filter((row) => row.operation === operation).map(({ message }) => Number(message));
  for (const numbers of [numbersOf("a.b"), numbersOf("a.queued")]) {
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
  }
  // Of a journal that was trimmed to nothing, the floor knows.
  if (rows.length === 0 && floor > 0n) return;
  expect(numbersOf("a.b").at(-1) ?? 0).toBeGreaterThanOrEqual(known.log);
  expect(numbersOf("a.queued").at(-1) ?? 0).toBeGreaterThanOrEqual(known.queued - QUEUED_MAX);
}

/** What verification says is wrong. */
export function problemsIn(folder: string): readonly string[] {
  const problems = [...verifyFolder(folder)].filter(({ type }) => type === "problem");
  return problems.map((problem) => JSON.stringify(problem));
}
