import type { AgentEntryBody } from "../core/agent.ts";
import type { RunEntryBody } from "../core/run.ts";
import type {
  Commit,
  DueKey,
  DuePut,
  Entity,
  EntityKey,
  SessionLease,
  Store,
} from "../store/store.ts";

/** What a put says of an entity. `state` is encoded by the draft. */
export interface Put {
  readonly status: string;
  readonly parent?: string;
  readonly state: object;
}

/** An entity as the draft sees it: as stored, or as put earlier in the same draft. */
export interface Draft {
  readonly ns: string;
  /** The store's clock when the draft began: the time of every decision in it. */
  readonly nowMs: number;
  /** Reads entities into the draft in one query; later `get`s need no store. */
  load(...keys: readonly EntityKey[]): Promise<void>;
  /** The present state of a loaded or put entity; `undefined`: it does not exist. */
  get<T>(key: EntityKey): T | undefined;
  /** Its revision once the draft is committed, if nobody else adds entries to it. */
  revision(key: EntityKey): number;
  stored(key: EntityKey): Entity | undefined;
  put(key: EntityKey, put: Put): void;
  remove(key: EntityKey): void;
  entry(of: EntityKey, body: AgentEntryBody | RunEntryBody): void;
  due(put: DuePut): void;
  finish(item: DueKey & { readonly token?: number }): void;
  openSession(lease: SessionLease): void;
  endSession(lease: Omit<SessionLease, "leaseMs">): void;
  /** Everything so far as one commit; without one when nothing changed. */
  toChange(): { readonly commit?: Commit };
}

/**
 * A commit in the making. What is put was loaded before, and its version is
 * expected: a draft can only win against what it has seen.
 */
export function createDraft(store: Store, ns: string): Draft {
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
    nowMs: store.nowMs(),

    async load(...keys) {
      const fresh = keys.filter((key) => !seen.has(nameOf(key)));
      if (fresh.length === 0) return;
      const entities = await store.load(fresh);
      for (const [i, key] of fresh.entries()) {
        const entity = entities[i];
        const state = entity === undefined ? undefined : (JSON.parse(entity.state) as object);
        seen.set(nameOf(key), { key, entity, state, written: false });
      }
    },

    get: <T>(key: EntityKey) => slot(key).state as T | undefined,

    revision: (key) =>
      (slot(key).entity?.revision ?? 0) + entries.filter((e) => nameOf(e) === nameOf(key)).length,

    stored: (key) => slot(key).entity,

    put(key, put) {
      Object.assign(slot(key), { state: put.state, put, written: true });
    },

    remove(key) {
      Object.assign(slot(key), { state: undefined, put: undefined, written: true });
    },

    entry(of, body) {
      const journal = of.kind === "agent" ? "agents" : "runs";
      entries.push({ journal, ...keyOf(of), body: JSON.stringify(body) });
    },

    due: (put) => void due.set(`${put.queue}\n${put.key}`, put),
    finish: (item) => void finish.set(`${item.queue}\n${item.key}`, item),
    openSession: (lease) => void sessions.push(lease),
    endSession: (lease) => void endSessions.push(lease),

    toChange() {
      const written = [...seen.values()].filter((s) => s.written);
      const quiet = [entries, sessions, endSessions].every((list) => list.length === 0);
      if (written.length === 0 && quiet && due.size === 0 && finish.size === 0) return {};
      const commit: Commit = {
        expect: written.map(({ key, entity }) => ({
          ...keyOf(key),
          version: entity?.version ?? 0,
        })),
        put: written.flatMap(({ key, put }) =>
          put === undefined ? [] : [{ ...keyOf(key), ...put, state: JSON.stringify(put.state) }],
        ),
        remove: written.flatMap(({ key, put, entity }) =>
          put === undefined && entity !== undefined ? [keyOf(key)] : [],
        ),
        entries,
        due: [...due.values()],
        finish: [...finish.values()],
        sessions,
        endSessions,
      };
      return { commit };
    },
  };
}

interface Slot {
  readonly key: EntityKey;
  readonly entity: Entity | undefined;
  state: object | undefined;
  put?: Put | undefined;
  written: boolean;
}

function keyOf({ ns, kind, id }: EntityKey): EntityKey {
  return { ns, kind, id };
}

function nameOf({ ns, kind, id }: EntityKey): string {
  return `${ns}/${kind}/${id}`;
}
