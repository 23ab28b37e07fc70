import type { AgentEntryBody } from "../core/agent.ts";
import type { RunEntryBody } from "../core/run.ts";
import type { Commit, DueKey, DuePut, EntityKey, SessionLease } from "../store/store.ts";
import { type EntityCache, type Known, NOTHING, nameOf } from "./entity-cache.ts";

/** What a put says of an entity. `state` is encoded by the draft. */
export interface Put {
  readonly status: string;
  readonly parent?: string;
  readonly state: object;
}

/** What a draft came to. Nothing when nothing changed. */
export interface Drafted {
  readonly commit?: Commit;
  /** The states of `commit.put`, in order, before they were encoded. */
  readonly states?: readonly object[];
  /** Hears whether it was committed, once that is known. */
  readonly settled?: (committed: boolean) => void;
}

/** An entity as the draft sees it: as stored, or as put earlier in the same draft. */
export interface Draft {
  readonly ns: string;
  /** The store's clock when the draft began: the time of every decision in it. */
  readonly nowMs: number;
  /** Brings entities into the draft in one query; later `get`s need no store. */
  load(...keys: readonly EntityKey[]): Promise<void>;
  /** Entities whose id was made just now: there is nothing to load. */
  fresh(...keys: readonly EntityKey[]): void;
  /** The present state of a loaded or put entity; `undefined`: it does not exist. */
  get<T>(key: EntityKey): T | undefined;
  /** Its revision once the draft is committed, if nobody else adds entries to it. */
  revision(key: EntityKey): number;
  /** When it was created, Unix ms; `undefined`: it does not exist yet. */
  createdMs(key: EntityKey): number | undefined;
  put(key: EntityKey, put: Put): void;
  /** The commit holds only if nobody else wrote this entity since it was loaded. */
  require(key: EntityKey): void;
  /** The states put so far, of one kind. */
  puts<T>(kind: EntityKey["kind"]): readonly T[];
  remove(key: EntityKey): void;
  entry(of: EntityKey, body: AgentEntryBody | RunEntryBody): void;
  due(put: DuePut): void;
  finish(item: DueKey & { readonly token?: number }): void;
  openSession(lease: SessionLease): void;
  endSession(lease: Omit<SessionLease, "leaseMs">): void;
  /** Everything so far as one commit. */
  toChange(): Drafted;
}

/**
 * A commit in the making. What is put was loaded before, and its version is
 * expected: a draft can only win against what it has seen.
 */
export function createDraft(entities: EntityCache, ns: string): Draft {
  const seen = new Map<string, Slot>();
  const entries: NonNullable<Commit["entries"]>[number][] = [];
  const due = new Map<string, DuePut>();
  const finish = new Map<string, DueKey & { readonly token?: number }>();
  const sessions: SessionLease[] = [];
  const endSessions: Omit<SessionLease, "leaseMs">[] = [];

  function slot(key: EntityKey): Slot {
    const found = seen.get(nameOf(key));
    if (found === undefined) throw new Error(`${nameOf(key)} was not loaded`);
    return found;
  }

  return {
    ns,
    nowMs: entities.nowMs(),

    async load(...keys) {
      const fresh = keys.filter((key) => !seen.has(nameOf(key)));
      if (fresh.length === 0) return;
      for (const [i, known] of (await entities.load(fresh)).entries()) {
        const key = fresh[i];
        if (key) seen.set(nameOf(key), slotOf(key, known));
      }
    },

    fresh: (...keys) => keys.forEach((key) => void seen.set(nameOf(key), slotOf(key, NOTHING))),

    get: <T>(key: EntityKey) => slot(key).state as T | undefined,

    revision: (key) =>
      slot(key).known.revision + entries.filter((e) => nameOf(e) === nameOf(key)).length,

    createdMs: (key) => slot(key).known.state && slot(key).known.createdMs,

    put: (key, put) => void Object.assign(slot(key), { state: put.state, put, written: true }),

    require: (key) => void Object.assign(slot(key), { required: true }),

    puts: <T>(kind: EntityKey["kind"]) =>
      [...seen.values()].flatMap(({ key, put }) =>
        put && key.kind === kind ? [put.state as T] : [],
      ),

    remove(key) {
      Object.assign(slot(key), { state: undefined, put: undefined, written: true });
    },

    entry(of, body) {
      const journal = of.kind === "agent" ? "agents" : "runs";
      entries.push({ journal, ...keyOf(of), body: JSON.stringify(body) });
    },

    due: (put) => void due.set(dueName(put), put),
    finish(item) {
      // With a token, what this draft has put takes the place of what was reserved.
      if (item.token === undefined) due.delete(dueName(item));
      finish.set(dueName(item), item);
    },
    openSession: (lease) => void sessions.push(lease),
    endSession: (lease) => void endSessions.push(lease),

    toChange() {
      const { states, ...changed } = changesOf([...seen.values()]);
      const lists = [changed.put, changed.remove, entries, sessions, endSessions];
      const quiet = lists.every((list) => list.length === 0);
      if (quiet && due.size === 0 && finish.size === 0) return {};
      const commit: Commit = {
        ...changed,
        entries,
        due: [...due.values()],
        finish: [...finish.values()],
        sessions,
        endSessions,
      };
      return { commit, states };
    },
  };
}

/** What was put and removed, with the versions that it was decided on. */
function changesOf(seen: readonly Slot[]) {
  const written = seen.filter((slot) => slot.written);
  const puts = written.flatMap(({ key, put }) => (put ? [{ key, put }] : []));
  return {
    expect: seen
      .filter(isExpected)
      .map(({ key, known }) => ({ ...keyOf(key), version: known.version })),
    put: puts.map(({ key, put }) => ({ ...keyOf(key), ...put, state: JSON.stringify(put.state) })),
    remove: written.flatMap(({ key, put, known }) =>
      put === undefined && known.state !== undefined ? [keyOf(key)] : [],
    ),
    states: puts.map(({ put }) => put.state),
  };
}

interface Slot {
  readonly key: EntityKey;
  readonly known: Known;
  state: object | undefined;
  put?: Put | undefined;
  written: boolean;
  required?: boolean;
}

function isExpected({ written, required = false }: Slot): boolean {
  return written || required;
}

function dueName({ queue, key }: DueKey): string {
  return `${queue}\n${key}`;
}

function slotOf(key: EntityKey, known: Known): Slot {
  return { key, known, state: known.state, written: false };
}

function keyOf({ ns, kind, id }: EntityKey): EntityKey {
  return { ns, kind, id };
}
