import type { Commit, Committed, Entity, EntityKey, NewEntity, Store } from "../store/store.ts";

/** An entity as decisions start from it: decoded once, never changed. */
export interface Known extends Pick<Entity, "version" | "revision" | "createdMs"> {
  /** `undefined`: it does not exist. */
  readonly state: object | undefined;
}

/**
 * The entities that this process decided on last, so that the next decision
 * needs no read. Decisions only: a stale one is refused by its version and
 * decided anew; what callers read comes from the store.
 */
export interface EntityCache extends Pick<Store, "nowMs"> {
  /** In the order of the keys. */
  load(keys: readonly EntityKey[]): Promise<readonly Known[]>;
  /** Takes over what is on disk now. `states`: of `commit.put`, in order. */
  keep(commit: Commit, states: readonly object[], committed: Committed): void;
  /** Forgets what a commit was about: it lost a race, or nobody knows what became of it. */
  drop(commit: Commit): void;
}

/** Characters of all states together, each with something for its keeping; beyond, half of them go. */
const CHARACTERS_MAX = 8_000_000;
const KEEPING_CHARACTERS = 250;

/** An entity with what it takes. */
interface Kept extends Known {
  readonly characters: number;
}

/** Of an entity that does not exist. */
export const NOTHING: Kept = {
  state: undefined,
  version: 0,
  revision: 0,
  createdMs: 0,
  characters: 0,
};

export function createEntityCache(store: Store): EntityCache {
  const known = new Map<string, Kept>();
  let characters = 0;
  /** Counts what was kept or dropped: what was read before is not sure to be the latest. */
  let news = 0;

  /** Moves it to the end: the first were written the longest ago. */
  function remember(name: string, entity: Kept): void {
    forget(name);
    known.set(name, entity);
    characters += entity.characters + KEEPING_CHARACTERS;
    if (characters <= CHARACTERS_MAX) return; // Finding the first is slow: many before it are gone.
    for (const oldest of known.keys()) {
      if (characters <= CHARACTERS_MAX / 2) break;
      forget(oldest);
    }
  }

  function forget(name: string): void {
    const entity = known.get(name);
    if (entity === undefined) return;
    known.delete(name);
    characters -= entity.characters + KEEPING_CHARACTERS;
  }

  /** The entity after a commit, unless too little is known of it. */
  function replace(
    name: string,
    { state: text }: NewEntity,
    state: object | undefined,
    expected: number,
    atMs: number,
  ): void {
    const before = expected === 0 ? NOTHING : known.get(name);
    if (before === undefined || state === undefined) {
      forget(name);
      return;
    }
    const { revision } = before;
    const createdMs = expected === 0 ? atMs : before.createdMs;
    const { length: characters } = text;
    remember(name, { state, version: expected + 1, revision, createdMs, characters });
  }

  return {
    nowMs: () => store.nowMs(),

    async load(keys) {
      const names = keys.map(nameOf);
      const found = names.map((name) => known.get(name));
      const missing = keys.filter((_, i) => found[i] === undefined);
      if (missing.length === 0) return found.filter((entity) => entity !== undefined);
      const before = news;
      const loaded = (await store.load(missing)).values();
      return names.map((name, i) => {
        const entity = found[i] ?? toKept(loaded.next().value);
        if (found[i] === undefined && news === before) remember(name, entity);
        return entity;
      });
    },

    keep({ expect = [], put = [], remove = [], entries = [] }, states, committed) {
      news++;
      const versions = new Map(expect.map((key) => [nameOf(key), key.version]));
      for (const [i, entity] of put.entries()) {
        const name = nameOf(entity);
        replace(name, entity, states[i], versions.get(name) ?? 0, committed.atMs);
      }
      for (const key of remove) remember(nameOf(key), NOTHING);
      for (const [i, key] of entries.entries()) {
        const entity = known.get(nameOf(key));
        const { sequence: revision } = committed.entries[i] ?? {};
        if (entity && revision) known.set(nameOf(key), { ...entity, revision });
      }
    },

    drop({ expect = [], put = [], remove = [] }) {
      news++;
      for (const key of [...expect, ...put, ...remove]) forget(nameOf(key));
    },
  };
}

function toKept(entity: Entity | undefined): Kept {
  if (entity === undefined) return NOTHING;
  const { version, revision, createdMs, state } = entity;
  const { length: characters } = state;
  return { state: JSON.parse(state) as object, version, revision, createdMs, characters };
}

export function nameOf({ ns, kind, id }: EntityKey): string {
  return `${ns}/${kind}/${id}`;
}
