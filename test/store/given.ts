import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { LogRow } from "../../src/core/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type {
  Commit,
  Entity,
  EntityKey,
  Entry,
  JournalName,
  Store,
} from "../../src/store/store.ts";

/** No poll makes up for a bell that was not rung. */
const QUIET = { pollMs: 3_600_000 };

/** Every adapter runs every test of the contract. An adapter without a line here does not exist. */
export const ADAPTERS = [
  {
    name: "sqlite in memory",
    open: (_folder: string, now: () => number) =>
      openSqliteStore({ path: ":memory:", ...QUIET, now }),
  },
  {
    name: "sqlite in a folder",
    open: (folder: string, now: () => number) => openSqliteStore({ path: folder, ...QUIET, now }),
  },
] as const;

export type Adapter = (typeof ADAPTERS)[number];

/** What every test of the contract is given: a fresh store whose clock the test moves. */
export class Given {
  readonly #adapter: Adapter;
  #folder: TestFolder | undefined;
  #store: Store | undefined;
  nowMs = 0;

  constructor(adapter: Adapter) {
    this.#adapter = adapter;
  }

  get store(): Store {
    if (this.#store === undefined) throw new Error("the store is not open");
    return this.#store;
  }

  async open(): Promise<void> {
    this.nowMs = 1_000_000;
    this.#folder = makeFolder();
    this.#store = await this.#adapter.open(this.#folder.path, () => this.nowMs);
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#folder?.[Symbol.dispose]();
  }

  async load(key: EntityKey): Promise<Entity | undefined> {
    return (await this.store.load([key]))[0];
  }

  async readAll(journal: JournalName, after = 0n): Promise<readonly Entry[]> {
    return (await this.store.read(journal, after, 10_000)).entries;
  }
}

export interface TestFolder extends Disposable {
  readonly path: string;
}

/** A folder that is gone after the test. @param parent where; for things that need no disk, memory. */
export function makeFolder(parent = tmpdir()): TestFolder {
  const path = mkdtempSync(join(parent, "opscore-store-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export const run = (id: string, ns = "default"): EntityKey => ({ ns, kind: "run", id });
export const task = (id: string, ns = "default"): EntityKey => ({ ns, kind: "task", id });

export interface Write {
  readonly version?: number;
  readonly state?: unknown;
  readonly status?: string;
  readonly parent?: string;
  /** Bodies of entries of the entity. */
  readonly says?: readonly string[];
}

/** A commit that writes one entity. */
export function put(key: EntityKey, write: Write = {}): Commit {
  const { version = 0, state = {}, status = "running", parent, says = [] } = write;
  return {
    expect: [{ ...key, version }],
    put: [{ ...key, status, ...(parent && { parent }), state: JSON.stringify(state) }],
    entries: says.map((body) => ({ journal: "runs", ...key, body })),
  };
}

/** Both commits as one. */
export function both(a: Commit, b: Commit): Commit {
  const join = <K extends "expect" | "put" | "entries" | "due" | "finish">(key: K) => [
    ...(a[key] ?? []),
    ...(b[key] ?? []),
  ];
  return {
    expect: join("expect") as NonNullable<Commit["expect"]>,
    put: join("put") as NonNullable<Commit["put"]>,
    entries: join("entries") as NonNullable<Commit["entries"]>,
    due: join("due") as NonNullable<Commit["due"]>,
    finish: join("finish") as NonNullable<Commit["finish"]>,
  };
}

export function bodies(entries: readonly Entry[]): readonly string[] {
  return entries.map(({ body }) => body);
}

/** Matches a refusal by its code. */
export function refusal(code: string): unknown {
  return expect.objectContaining({ refusal: expect.objectContaining({ code }) });
}

export function soon(): AbortSignal {
  return AbortSignal.timeout(5_000);
}

export function logRow(message: string, more: Partial<LogRow> = {}): LogRow {
  return {
    kind: "operation",
    operation: "a.test",
    severity: 9,
    message,
    actor: "agent:x",
    ...more,
  };
}
