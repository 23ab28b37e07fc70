import type { Filter } from "../core/filter.ts";
import type { LogRow, StoredLog } from "../core/log.ts";

/** The journals a store keeps. Each has its own order, cursor and retention. */
export type JournalName = "agents" | "runs" | "logs";

/** Kinds of entities. `lease` is a live lease of an agent on a task; `step` is the recorded result of a step. */
export type Kind =
  | "agent"
  | "session"
  | "template"
  | "template_version"
  | "run"
  | "step"
  | "task"
  | "lease";

/** Names one entity. */
export interface EntityKey {
  readonly ns: string;
  readonly kind: Kind;
  readonly id: string;
}

/** The folded state of one thing that Ops-Core must not forget. */
export interface NewEntity extends EntityKey {
  /** Copies for `list`: adapters index them and never interpret them. */
  readonly status: string;
  readonly parent?: string;
  /** JSON text, encoded once by the engine, opaque to adapters. */
  readonly state: string;
}

/** An entity as it is kept. */
export interface Entity extends NewEntity {
  /** Grows by one with each write. The compare-and-set of `Commit.expect` is on it. */
  readonly version: number;
  /** Sequence of its last journal entry, from 1; 0 if it has none. */
  readonly revision: number;
  /** Unix ms of the first write and of the last. */
  readonly createdMs: number;
  readonly updatedMs: number;
}

/** Something that happened to an entity that exists or is put in the same commit. */
export interface NewEntry extends EntityKey {
  readonly journal: "agents" | "runs";
  /** JSON text. */
  readonly body: string;
}

/**
 * An entry in its journal. The store numbers entries: `position` is dense over the journal in commit
 * order, `sequence` gap-free per entity, both from 1. It also chains them: hash = SHA-256(previous
 * hash of the entity, key, sequence, time, SHA-256(body)). For logs: `kind`, `id` and `sequence` are
 * those of no entity, and `body` is the JSON of the `LogRow`.
 */
export interface Entry {
  readonly journal: JournalName;
  readonly position: bigint;
  readonly ns: string;
  readonly kind: Kind | "log";
  readonly id: string;
  readonly sequence: number;
  /** The store's clock; never falls as positions grow. Unix ms. */
  readonly atMs: number;
  readonly body: string;
  /** Last entry of its commit. Readers that must not split a commit cut after it. */
  readonly ends: boolean;
}

/** Names one due item. */
export interface DueKey {
  /** For example `task/<ns>/<capability>` or `sys/timer`. */
  readonly queue: string;
  readonly key: string;
}

/** Something to do at a time. Putting it again replaces it and ends any reservation. */
export interface DuePut extends DueKey {
  readonly dueAtMs: number;
  readonly payload?: string;
  /** Higher is claimed first. Default 0. */
  readonly priority?: number;
  /** Insert it already reserved by its writer. */
  readonly reserve?: { readonly owner: string; readonly forMs: number };
}

/** Proof of a reservation. Tokens of a key only rise, over re-puts too; not a task's lease epoch. */
export interface Fence extends DueKey {
  readonly token: number;
}

/** A due item in the hands of the process that reserved it. */
export interface Reserved extends Fence {
  readonly dueAtMs: number;
  /** Until when no other process can claim it. Unix ms. */
  readonly untilMs: number;
  readonly payload?: string;
  readonly priority: number;
}

/** The answer remembered for a `request_id`. */
export interface Reply {
  readonly requestHash: Uint8Array;
  readonly body: string;
}

/** The lease of an agent's session: how long it counts as alive without a beat. */
export interface SessionLease {
  readonly ns: string;
  readonly agentId: string;
  readonly sessionEpoch: number;
  readonly leaseMs: number;
}

/** A live lease and when it ends, Unix ms. */
export type LeaseEnd = SessionLease & { readonly untilMs: number };

/** One atomic write: every part of it is durable, or none is. */
export interface Commit {
  /** Versions that must hold (0: does not exist): every key of `put` and `remove`, and keys only read. */
  readonly expect?: readonly (EntityKey & { readonly version: number })[];
  readonly put?: readonly NewEntity[];
  /** Retention only, and things that end with no history of their own. */
  readonly remove?: readonly EntityKey[];
  readonly entries?: readonly NewEntry[];
  readonly due?: readonly DuePut[];
  /** Removes items, or lets `due` re-put them. A token must be the last one, or: `reservation_lost`. */
  readonly finish?: readonly (DueKey & { readonly token?: number })[];
  /** Session leases that start now, replacing the agent's older one. */
  readonly sessions?: readonly SessionLease[];
  /** Session leases that end, if they are still at this epoch. */
  readonly endSessions?: readonly Omit<SessionLease, "leaseMs">[];
  /** The answer to remember, under a key of the engine's choice. */
  readonly reply?: Reply & { readonly ns: string; readonly key: string; readonly ttlMs: number };
}

/** What a commit came to. `atMs` is the store's time: `createdMs` and `updatedMs` of what it put. */
export interface Committed {
  readonly atMs: number;
  /** Where the entries landed, in their order. */
  readonly entries: readonly Pick<Entry, "position" | "sequence" | "atMs">[];
  /** The due items that were put with `reserve`, in their order. */
  readonly reserved: readonly Reserved[];
  /** Set when the reply key was taken: nothing was written, this is the stored answer. */
  readonly replayed?: Reply;
}

/** Which entities to list, and how. */
export interface ListQuery {
  /** Absent: every namespace. */
  readonly ns?: string;
  readonly kind: Kind;
  readonly status?: readonly string[];
  readonly parent?: string;
  readonly order: "id" | "newest" | "oldest";
  /** The last entity of the page before. */
  readonly after?: { readonly ns?: string; readonly id: string; readonly createdMs: number };
  readonly limit: number;
  /** Whose head to return as `at`. */
  readonly journal?: JournalName;
}

/** Which log rows to search for, and how. */
export interface LogQuery {
  readonly ns: string;
  readonly filter?: Filter;
  /** Part of the message, ASCII case-insensitive. */
  readonly text?: string;
  /** Bounds on the store's time, Unix ms: from <= t < to. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly order: "newest" | "oldest";
  /** Strictly beyond this position in the order asked for. */
  readonly after?: bigint;
  /** Rows examined at most, matching or not. */
  readonly scan: number;
  readonly limit: number;
}

/** A page of log rows. */
export interface LogPage {
  readonly rows: readonly StoredLog[];
  /** Where to go on; absent when everything was looked at. */
  readonly next?: bigint;
  /** Head of the journal, from before the search. */
  readonly at: bigint;
}

/**
 * Where Ops-Core keeps everything it must not forget. Narrow on purpose: rules live in `core/`, an
 * adapter holds none and is one folder. `test/store/contract.test.ts` is its definition.
 */
export interface Store {
  /** Random id of the data set; part of every cursor. */
  readonly storeId: string;

  /** The only clock that decisions use. Never goes back. Unix ms. */
  nowMs(): number;

  /** In the order of the keys. Sees every acknowledged commit. @throws {Refused} `data_corrupt`. */
  load(keys: readonly EntityKey[]): Promise<readonly (Entity | undefined)[]>;

  /** `at` is the head of `journal` in the same snapshot: follow from the first page's, miss nothing. */
  list(query: ListQuery): Promise<{ readonly entities: readonly Entity[]; readonly at: bigint }>;

  /**
   * Resolves when the commit is durable and visible. Errors other than `Refused`: the outcome is
   * unknown; load, decide and commit again.
   * @throws {Refused} `version_conflict`, `reservation_lost`, `overloaded`, `store_full`.
   */
  commit(commit: Commit): Promise<Committed>;

  /** The stored answer. Ask before refusing: the first try may have succeeded. */
  reply(ns: string, key: string): Promise<Reply | undefined>;

  /** Reserves ready items for this process: highest priority, then longest due. Not an attempt. */
  claim(
    wants: readonly { readonly queue: string; readonly limit: number }[],
    owner: string,
    forMs: number,
  ): Promise<readonly Reserved[]>;

  /** Moves timers (`sys/timer`) in one batch, without entries. `false`: the timer is gone. */
  extend(
    timers: readonly { readonly key: string; readonly dueAtMs: number }[],
  ): Promise<readonly boolean[]>;

  /**
   * The standing sweep, by any replica: waiting items that are due and reservations that ran out
   * become ready; a session past its check (half its lease) or its lease becomes one item in
   * `sys/session-check` with key `<ns>/<agentId>/<epoch>`; answers past their time are deleted.
   * `expireLeases: false` holds session leases back after the process itself stood still.
   */
  due(options: { readonly limit: number; readonly expireLeases: boolean }): Promise<{
    readonly moved: number;
    readonly nextDueMs?: number;
  }>;

  /** Renews session leases, without entries. `false`: that session is not the agent's current one. */
  beat(beats: readonly SessionLease[]): Promise<readonly boolean[]>;

  /** The present session leases; `undefined` where there is none. */
  leases(
    agents: readonly Pick<SessionLease, "ns" | "agentId">[],
  ): Promise<readonly (LeaseEnd | undefined)[]>;

  /**
   * The next entries after a position, in order, at most about `limit`: never past a position that
   * may still appear, never splitting a commit. Everything up to `through` was looked at.
   * @throws {Refused} `cursor_expired` with the floor: the oldest position that can be read after;
   * `data_corrupt` with the position of an entry that is not what was written.
   */
  read(
    journal: JournalName,
    after: bigint,
    limit: number,
    only?: { readonly ns: string; readonly kind?: Kind; readonly id?: string },
  ): Promise<{ readonly entries: readonly Entry[]; readonly through: bigint }>;

  /** The last visible position, or 0. */
  head(journal: JournalName): Promise<bigint>;

  /** The last position whose entry is older than a time (or 0, or the floor): where to start reading "since". */
  positionBefore(journal: JournalName, atMs: number): Promise<bigint>;

  /** Resolves once `head > after`, at worst a poll later; may be early. Rejects with the abort reason. */
  changed(journal: JournalName, after: bigint, signal: AbortSignal): Promise<void>;

  /** The same for queues: at once if one has a ready item, else at the next put or sweep into one. */
  ready(queues: readonly string[], signal: AbortSignal): Promise<void>;

  /**
   * Appends log rows. With a producer, rows at or below its last number are left out as
   * duplicates. `queued` resolves at once: a crash loses at most 1 s or 5,000 rows.
   * @throws {Refused} `overloaded`, `store_full`.
   */
  appendLogs(
    batch: {
      readonly ns: string;
      readonly producer?: {
        readonly principal: string;
        readonly id: string;
        readonly firstSeq: number;
      };
      readonly rows: readonly LogRow[];
    },
    acknowledge: "queued" | "committed",
  ): Promise<{ readonly lastSeq: number; readonly accepted: number; readonly duplicates: number }>;

  /** A page of log rows; equals the filter of `core/filter` on every row. */
  searchLogs(query: LogQuery, signal: AbortSignal): Promise<LogPage>;

  /** Raises the floor of a journal, then deletes up to and including it. */
  trim(journal: JournalName, upTo: bigint): Promise<void>;

  /** Finishes the batch in flight. */
  close(): Promise<void>;
}
