import { Refused } from "../../core/errors.ts";
import { failpoint } from "../../failpoint.ts";
import { Batcher, type Outcome } from "../batcher.ts";
import type { Doorbell } from "../doorbell.ts";
import type {
  Commit,
  Committed,
  EntityKey,
  JournalName,
  ListQuery,
  LogQuery,
  SessionLease,
  Store,
} from "../store.ts";
import { StoreUnusable } from "../unusable.ts";
import { isDamaged, isFatal } from "./database.ts";
import { hasReady } from "./due.ts";
import { findLease, findReply, load } from "./entities.ts";
import { toFlat } from "./flat-commit.ts";
import { findHead, type Only, positionBefore, readJournal } from "./journals.ts";
import { LogAppends, type LogBatch } from "./log-appends.ts";
import { findLogHead } from "./log-head.ts";
import { logPositionBefore, readLogs } from "./log-reads.ts";
import type { Parts } from "./parts.ts";
import { fromPlain } from "./plain-error.ts";
import { searchLogs } from "./search-logs.ts";
import type { Operation, Operations } from "./writer.ts";

export interface SqliteStoreOptions {
  readonly parts: Parts;
  readonly clock: () => number;
  readonly bell: Doorbell;
  readonly pollMs: number;
  readonly onFatal: (error: Error) => void;
}

const COMMITS_PER_BATCH_MAX = 1_024;
const BYTES_PER_BATCH_MAX = 1024 * 1024;
const WAITING_MAX = 8_192;
const JOURNALS: readonly JournalName[] = ["agents", "runs", "logs"];

/** Everything in SQLite files of one folder, for one process. */
export class SqliteStore implements Store {
  readonly storeId: string;
  readonly nowMs: () => number;
  readonly #parts: Parts;
  readonly #bell: Doorbell;
  readonly #onFatal: (error: Error) => void;
  readonly #batcher: Batcher<Operation, unknown>;
  readonly #appends: LogAppends;
  readonly #polling: NodeJS.Timeout;
  readonly #polled = new Map<JournalName, number>();
  #failure: Refused | undefined;
  #closing: Promise<void> | undefined;

  constructor({ parts, clock, bell, pollMs, onFatal }: SqliteStoreOptions) {
    this.storeId = parts.storeId;
    this.nowMs = clock;
    this.#parts = parts;
    this.#bell = bell;
    this.#onFatal = onFatal;
    this.#appends = new LogAppends(parts.logs);
    this.#batcher = new Batcher({
      run: (operations) => this.#execute(operations),
      countMax: COMMITS_PER_BATCH_MAX,
      bytesMax: BYTES_PER_BATCH_MAX,
      waitingMax: WAITING_MAX,
    });
    this.#polling = setInterval(() => this.#poll(), pollMs).unref();
  }

  load(keys: readonly EntityKey[]) {
    return this.#guard(({ control }) => keys.map((key) => load(control, key)));
  }

  list(query: ListQuery) {
    return this.#guard(async ({ reader }) => {
      const { entities, at } = await reader.call("list", query);
      return { entities, at: BigInt(at) };
    });
  }

  async commit(commit: Commit): Promise<Committed> {
    const written = await this.#write(sizeOf(commit), "commit", toFlat(commit));
    failpoint("commit.answered");
    const { atMs: at, entries, reserved, replayed } = written;
    if (replayed !== undefined) return { atMs: at, entries: [], reserved: [], replayed };
    this.#ringFor(commit);
    const placed = entries.map(([position, sequence, atMs]) => {
      return { position: BigInt(position), sequence, atMs };
    });
    return { atMs: at, entries: placed, reserved };
  }

  reply(ns: string, key: string) {
    return this.#guard(({ control }) => findReply(control, ns, key, this.nowMs()));
  }

  claim(
    wants: readonly { readonly queue: string; readonly limit: number }[],
    owner: string,
    forMs: number,
  ) {
    return this.#write(0, "claim", wants, owner, forMs);
  }

  extend(timers: readonly { readonly key: string; readonly dueAtMs: number }[]) {
    return this.#write(0, "extend", timers);
  }

  async due(options: { readonly limit: number; readonly expireLeases: boolean }) {
    const { queues, ...swept } = await this.#write(0, "sweep", options);
    for (const queue of queues) this.#bell.ring(queueBell(queue));
    return swept;
  }

  beat(beats: readonly SessionLease[]) {
    return this.#write(0, "beat", beats);
  }

  leases(agents: readonly { readonly ns: string; readonly agentId: string }[]) {
    return this.#guard(({ control }) => agents.map((agent) => findLease(control, agent)));
  }

  read(journal: JournalName, after: bigint, limit: number, only?: Only) {
    return this.#guard(({ control, logFiles }) =>
      journal === "logs"
        ? readLogs(logFiles, Number(after), limit, only)
        : readJournal(control, journal, Number(after), limit, only),
    );
  }

  head(journal: JournalName) {
    return this.#guard(() => BigInt(this.#headOf(journal)));
  }

  positionBefore(journal: JournalName, atMs: number) {
    return this.#guard(({ control, logFiles }) => {
      if (journal === "logs") return BigInt(logPositionBefore(logFiles, atMs));
      return BigInt(positionBefore(control, journal, atMs));
    });
  }

  changed(journal: JournalName, after: bigint, signal: AbortSignal) {
    const look = (): boolean => this.#headOf(journal) > Number(after);
    return this.#guard(() => this.#bell.wait([journalBell(journal)], signal, look));
  }

  ready(queues: readonly string[], signal: AbortSignal) {
    const look = (): boolean => queues.some((queue) => hasReady(this.#parts.control, queue));
    return this.#guard(() => this.#bell.wait(queues.map(queueBell), signal, look));
  }

  appendLogs(batch: LogBatch, acknowledge: "queued" | "committed") {
    const committed = acknowledge === "committed";
    return this.#guard(() => this.#appends.append(this.nowMs(), batch, committed));
  }

  searchLogs(query: LogQuery, signal: AbortSignal) {
    return this.#guard(({ logFiles, reader }) => searchLogs(logFiles, reader, query, signal));
  }

  async trim(journal: JournalName, upTo: bigint): Promise<void> {
    if (journal === "logs") return this.#guard(({ logs }) => logs.call("trim", Number(upTo)));
    await this.#write(0, "raiseFloor", journal, Number(upTo));
    while (await this.#write(0, "deleteTrimmed", journal));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#polling);
    await this.#batcher.idle();
    await this.#parts.close();
  }

  async #write<K extends keyof Operations>(
    bytes: number,
    name: K,
    ...args: Parameters<Operations[K]>
  ): Promise<ReturnType<Operations[K]>> {
    this.#requireOpen();
    const operation = [name, ...args] as unknown as Operation;
    return (await this.#batcher.submit(operation, bytes)) as ReturnType<Operations[K]>;
  }

  async #execute(operations: readonly Operation[]): Promise<readonly Outcome<unknown>[]> {
    try {
      const outcomes = await this.#parts.writer.call("execute", this.nowMs(), operations);
      return outcomes.map((outcome) =>
        "error" in outcome ? { error: fromPlain(outcome.error) } : outcome,
      );
    } catch (error) {
      throw error instanceof Error && isFatal(error) ? this.fail(error) : error;
    }
  }

  /** Ends all work: what was written last is unknown. @returns what callers see from now on. */
  fail(error: Error): Refused {
    if (this.#failure === undefined) {
      this.#failure = unavailable(error.message);
      this.#batcher.fail(this.#failure);
      this.#onFatal(error);
    }
    return this.#failure;
  }

  /** Reads and logs; an error of the files is a refusal. */
  async #guard<T>(work: (parts: Parts) => T | Promise<T>): Promise<Awaited<T>> {
    this.#requireOpen();
    try {
      return await work(this.#parts);
    } catch (error) {
      if (error instanceof StoreUnusable || isDamaged(error)) {
        const { message } = error as Error;
        throw new Refused({ code: "data_corrupt", key: "", message });
      }
      throw isFatal(error) ? unavailable((error as Error).message) : error;
    }
  }

  #requireOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) throw unavailable("the store is closed");
  }

  #headOf(journal: JournalName): number {
    const { control, logFiles } = this.#parts;
    return journal === "logs"
      ? findLogHead(logFiles.head).position
      : findHead(control, journal).position;
  }

  #ringFor({ entries = [], due = [] }: Commit): void {
    for (const journal of new Set(entries.map((entry) => entry.journal))) {
      this.#bell.ring(journalBell(journal));
    }
    const nowMs = this.nowMs();
    const ready = due.filter(({ dueAtMs, reserve }) => dueAtMs <= nowMs && reserve === undefined);
    for (const { queue } of ready) this.#bell.ring(queueBell(queue));
  }

  /** Rings for what should have been heard already; if it cannot tell, for everybody, who then looks. */
  #poll(): void {
    const waited = this.#bell.names;
    try {
      this.#ringLost(waited);
    } catch {
      for (const bell of waited) this.#bell.ring(bell);
    }
  }

  #ringLost(waited: readonly string[]): void {
    for (const journal of JOURNALS) {
      const bell = journalBell(journal);
      const head = waited.includes(bell) ? this.#headOf(journal) : 0;
      if (head > (this.#polled.get(journal) ?? 0)) this.#bell.ring(bell);
      this.#polled.set(journal, head);
    }
    for (const bell of waited) {
      const queue = queueOf(bell);
      if (queue !== undefined && hasReady(this.#parts.control, queue)) this.#bell.ring(bell);
    }
  }
}

export function journalBell(journal: JournalName): string {
  return `journal ${journal}`;
}

const QUEUE_BELL = "queue ";

function queueBell(queue: string): string {
  return `${QUEUE_BELL}${queue}`;
}

function queueOf(bell: string): string | undefined {
  return bell.startsWith(QUEUE_BELL) ? bell.slice(QUEUE_BELL.length) : undefined;
}

function unavailable(message: string): Refused {
  return new Refused({ code: "store_unavailable", message });
}

/** About the bytes that a commit adds to its transaction. */
function sizeOf({ put = [], entries = [], due = [], reply }: Commit): number {
  const texts = [
    ...put.map(({ state }) => state),
    ...entries.map(({ body }) => body),
    ...due.map(({ payload = "" }) => payload),
    reply?.body ?? "",
  ];
  return texts.reduce((size, { length }) => size + length, 0);
}
