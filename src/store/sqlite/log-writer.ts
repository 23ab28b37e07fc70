import { Refused } from "../../core/errors.ts";
import { failpoint } from "../../failpoint.ts";
import type { Store } from "../store.ts";
import { isFull } from "./database.ts";
import type { LogFiles } from "./log-files.ts";
import { advanceHead, findLogHead, repairHead, trimLogs } from "./log-head.ts";

/** A row as it is stored: its JSON, and copies for the indexes. */
export type RowText = readonly [
  body: string,
  agentId: string | null,
  runId: string | null,
  taskId: string | null,
  traceId: string | null,
];

export interface LogAppend {
  readonly ns: string;
  readonly producer?: {
    readonly principal: string;
    readonly id: string;
    readonly firstSeq: number;
  };
  readonly rows: readonly RowText[];
}

export type LogAnswer = Awaited<ReturnType<Store["appendLogs"]>>;

/** Rows of one append; they arrive, become durable, and become visible together. */
interface Group {
  readonly append: LogAppend;
  readonly atMs: number;
  /** Set while nobody was told that it is accepted. */
  readonly waiter?: { readonly resolve: () => void; readonly reject: (error: unknown) => void };
}

/** Accepted rows that a crash may lose, at most. */
const ROWS_AT_RISK_MAX = 5_000;
const FLUSH_MS = 50;
/** After the disk was full. */
const RETRY_MS = 500;
const PRODUCERS_MAX = 10_000;

/** Owns the connections that write logs. Rows get their positions in the order they arrive here. */
export class LogWriter {
  readonly #files: LogFiles;
  readonly #onVisible: () => void;
  #queue: Group[] = [];
  #rowsQueued = 0;
  /** Written, but not in the head yet. */
  #durable: Group[] = [];
  /** The last number of each producer, with the rows that wait. */
  readonly #producers = new Map<string, number>();
  #position: number;
  #atMs: number;
  #failing = false;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;

  /**
   * @param files whose head agrees with the days.
   * @param onVisible hears of every flush.
   */
  constructor(files: LogFiles, onVisible: () => void) {
    this.#files = files;
    this.#onVisible = onVisible;
    const { position, atMs } = findLogHead(files.head);
    [this.#position, this.#atMs] = [position, atMs];
  }

  /** Answers at once, or when the rows are on disk. */
  async append(nowMs: number, append: LogAppend, committed: boolean): Promise<LogAnswer> {
    const { ns, producer, rows } = append;
    this.#atMs = Math.max(this.#atMs, nowMs);
    const last = producer === undefined ? 0 : this.#lastOf(ns, producer);
    const known = producer === undefined ? 0 : last - producer.firstSeq + 1;
    const duplicates = Math.min(Math.max(known, 0), rows.length);
    const fresh = rows.slice(duplicates);
    const numbered = producer && { ...producer, firstSeq: producer.firstSeq + duplicates };
    const kept = { ns, ...(numbered && { producer: numbered }), rows: fresh };
    const lastSeq = numbered && Math.max(last, numbered.firstSeq + fresh.length - 1);
    if (numbered !== undefined) this.#note(kept);

    const answer = { lastSeq: lastSeq ?? 0, accepted: fresh.length, duplicates };
    const safe = !this.#failing && this.#rowsQueued + fresh.length <= ROWS_AT_RISK_MAX;
    if (!committed && safe) this.#enqueue({ append: kept, atMs: this.#atMs });
    else await this.#flushed(kept);
    return answer;
  }

  trim(upTo: number): void {
    trimLogs(this.#files, upTo);
  }

  /** Writes what waits. */
  close(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    while (this.#queue.length > 0 && !this.#failing) this.#flush();
    this.#files.close();
  }

  #flushed(append: LogAppend): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#enqueue({ append, atMs: this.#atMs, waiter: { resolve, reject } });
    return promise;
  }

  #enqueue(group: Group): void {
    this.#queue.push(group);
    this.#rowsQueued += group.append.rows.length;
    if (group.waiter !== undefined || this.#rowsQueued >= ROWS_AT_RISK_MAX) this.#flushSoon();
    else this.#timer ??= setTimeout(() => this.#flush(), this.#failing ? RETRY_MS : FLUSH_MS);
  }

  #flushSoon(): void {
    this.#soon ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    [this.#timer, this.#soon] = [undefined, undefined];
    try {
      if (this.#failing) this.#recover();
      const groups = this.#next();
      const day = this.#write(groups);
      this.#queue.splice(0, groups.length);
      this.#rowsQueued -= rowsOf(groups);
      this.#durable.push(...groups);
      if (day !== undefined) advanceHead(this.#files, day);
    } catch (error) {
      this.#fail(error);
      return;
    }
    for (const { waiter } of this.#durable.splice(0)) waiter?.resolve();
    this.#onVisible();
    if (this.#queue.length > 0) this.#flushSoon();
    else if (this.#producers.size > PRODUCERS_MAX) this.#producers.clear();
  }

  /** What is written together: groups of one day, at least one. */
  #next(): readonly Group[] {
    const day = dayOf(this.#queue[0]?.atMs ?? 0);
    let rows = 0;
    const end = this.#queue.findIndex(({ append, atMs }, i) => {
      rows += append.rows.length;
      return i > 0 && (rows > ROWS_AT_RISK_MAX || dayOf(atMs) !== day);
    });
    return this.#queue.slice(0, end === -1 ? undefined : end);
  }

  #write(groups: readonly Group[]) {
    const [oldest] = groups;
    if (oldest === undefined || rowsOf(groups) === 0) return undefined;
    const name = dayOf(oldest.atMs);
    const known = findLogHead(this.#files.head).days.find((day) => day.name === name);
    const day = { name, first: known?.first ?? this.#position + 1 };
    const file = this.#files.create(day);
    let position = this.#position;
    file.transaction(() => {
      for (const { append, atMs } of groups) {
        const { ns, producer, rows } = append;
        const from = [producer?.principal ?? null, producer?.id ?? null] as const;
        for (const [i, [body, ...copies]] of rows.entries()) {
          const seq = producer === undefined ? null : producer.firstSeq + i;
          const sql = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
          file.run(sql, ++position, atMs, ns, body, ...copies, ...from, seq);
        }
      }
      failpoint("log-rows.written");
    });
    failpoint("log-rows.committed");
    this.#position = position;
    return day;
  }

  /** A full disk refuses who was told nothing yet; what was accepted is tried again. */
  #fail(error: unknown): void {
    const waiting = this.#queue.filter(({ waiter }) => waiter !== undefined);
    const reason = isFull(error) ? new Refused({ code: "store_full" }) : error;
    for (const { waiter } of waiting) waiter?.reject(reason);
    if (!isFull(error)) throw error;
    this.#failing = true;
    this.#queue = this.#queue.filter(({ waiter }) => waiter === undefined);
    this.#rowsQueued = rowsOf(this.#queue);
    this.#producers.clear();
    for (const { append } of this.#queue) this.#note(append);
    this.#timer ??= setTimeout(() => this.#flush(), RETRY_MS);
  }

  #recover(): void {
    repairHead(this.#files);
    this.#position = findLogHead(this.#files.head).position;
    this.#failing = false;
  }

  #lastOf(ns: string, { principal, id }: NonNullable<LogAppend["producer"]>): number {
    const known = this.#producers.get(producerKey(ns, principal, id));
    if (known !== undefined) return known;
    const sql = "SELECT last_seq FROM producer WHERE ns = ? AND principal = ? AND id = ?";
    return Number(this.#files.head.get(sql, ns, principal, id)?.["last_seq"] ?? 0);
  }

  #note({ ns, producer, rows }: LogAppend): void {
    if (producer === undefined || rows.length === 0) return;
    const { principal, id, firstSeq } = producer;
    this.#producers.set(producerKey(ns, principal, id), firstSeq + rows.length - 1);
  }
}

function producerKey(...names: readonly string[]): string {
  return JSON.stringify(names);
}

function rowsOf(groups: readonly Group[]): number {
  return groups.reduce((rows, { append }) => rows + append.rows.length, 0);
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
