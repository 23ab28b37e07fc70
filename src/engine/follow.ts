import { isRefused } from "../core/errors.ts";
import type { Entry, JournalName, Kind, Store } from "../store/store.ts";

/** What a follower sees next. `through`: everything up to there has been seen. */
export type Page =
  | { readonly type: "entries"; readonly entries: readonly Entry[]; readonly through: bigint }
  /** Nothing for a while: the place to resume at. */
  | { readonly type: "idle"; readonly through: bigint }
  /** Entries after `after` and up to `through` are no longer kept. */
  | { readonly type: "gap"; readonly after: bigint; readonly through: bigint };

export interface FollowOptions {
  readonly after: bigint;
  /** Entries of one page, about: a commit is never split. */
  readonly limit: number;
  /** Longest silence, in ms. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
  readonly only?: { readonly ns: string; readonly kind?: Kind; readonly id?: string };
}

/**
 * Every entry of a journal after a position, then each new one as it is written,
 * until `signal` aborts. History, long polls, watches and tails are all this one
 * generator. The consumer sets the pace: nothing is buffered beyond one page, so
 * a slow watcher costs no memory and never slows a writer.
 *
 * @throws the reason of `signal`.
 */
export async function* follow(
  store: Store,
  journal: JournalName,
  { after, limit, idleMs, signal, only }: FollowOptions,
): AsyncGenerator<Page, never> {
  let position = after;
  let spokeAtMs = store.nowMs();
  for (;;) {
    signal.throwIfAborted();
    const page = await readOrGap(store, journal, position, limit, only);
    position = page.through;
    if (page.type === "gap" || page.entries.length > 0) {
      yield page;
      spokeAtMs = store.nowMs();
    } else if (store.nowMs() - spokeAtMs >= idleMs) {
      yield { type: "idle", through: position };
      spokeAtMs = store.nowMs();
    } else {
      await changedOrIdle(store, journal, position, idleMs, signal);
    }
  }
}

async function readOrGap(
  store: Store,
  journal: JournalName,
  after: bigint,
  limit: number,
  only: FollowOptions["only"],
): Promise<Exclude<Page, { type: "idle" }>> {
  try {
    return { type: "entries", ...(await store.read(journal, after, limit, only)) };
  } catch (error) {
    if (!isRefused(error, "cursor_expired")) throw error;
    return { type: "gap", after, through: error.refusal.oldest };
  }
}

/** Waits for the journal to grow, at most `idleMs`. */
async function changedOrIdle(
  store: Store,
  journal: JournalName,
  after: bigint,
  idleMs: number,
  signal: AbortSignal,
): Promise<void> {
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(), idleMs);
  try {
    await store.changed(journal, after, AbortSignal.any([signal, idle.signal]));
  } catch (error) {
    if (!idle.signal.aborted || signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
}
