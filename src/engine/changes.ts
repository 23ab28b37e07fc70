import { setTimeout as delay } from "node:timers/promises";
import { isRefused, Refused } from "../core/errors.ts";
import { armedFailpoint, failpoint } from "../failpoint.ts";
import type { Commit, Reply, Store } from "../store/store.ts";
import type { Answer, Caller, RequestKey } from "./caller.ts";
import { createDraft, type Draft, type Drafted } from "./draft.ts";
import { createEntityCache } from "./entity-cache.ts";
import { jitter } from "./ids.ts";

/** Attempts before a write that keeps losing the race is given back to the caller. */
const ATTEMPTS_MAX = 5;
const BACKOFF_MS = 20;

/** What one decision came to: what to write, and the answer: plain JSON, since it is stored for repeats. */
export interface Change<T> extends Drafted {
  readonly result: T;
}

type Decide<T> = (attempt: number) => Promise<Change<T>>;

/** The one loop of the engine: load, decide, fold, commit; again when the race was lost. */
export interface Changes {
  /** A commit in the making, over the entities as they are known here. */
  draft(ns: string): Draft;

  /**
   * Runs `decide` and commits what it decided. Calls with the same `lock` wait for each other
   * in this process; other processes are met by compare-and-set. `attempt` counts from 1.
   *
   * @throws {Refused} what `decide` refuses; `contention` after five lost races.
   */
  change<T>(lock: string, decide: Decide<T>): Promise<T>;

  /** The same, idempotent by the caller's request: the answer is stored in the same commit. */
  mutate<T>(caller: Caller, lock: string, decide: Decide<T>): Promise<Answer<T>>;
}

/** `onCommit` hears of every commit, and whether the store had no room for it. */
export function createChanges(
  store: Store,
  replyTtlMs: number,
  onCommit: (commit: Commit, outcome: "done" | "full") => void,
): Changes {
  const entities = createEntityCache(store);
  const tails = new Map<string, Promise<unknown>>();

  async function locked<T>(lock: string, work: () => Promise<T>): Promise<T> {
    const before = tails.get(lock) ?? Promise.resolve();
    const mine = before.then(work, work);
    tails.set(lock, mine);
    try {
      return await mine;
    } finally {
      if (tails.get(lock) === mine) tails.delete(lock);
    }
  }

  async function retried<T>(lock: string, attempt: (n: number) => Promise<T>): Promise<T> {
    for (let n = 1; ; n++) {
      try {
        return await attempt(n);
      } catch (error) {
        if (!isRefused(error, "version_conflict", "reservation_lost")) throw error;
        if (n === ATTEMPTS_MAX) throw new Refused({ code: "contention", key: lock });
        await delay(1 + jitter() * BACKOFF_MS);
      }
    }
  }

  async function write<T>({ result, ...drafted }: Change<T>): Promise<T> {
    if (drafted.commit !== undefined) await carryOut(drafted.commit, drafted);
    return result;
  }

  async function carryOut(commit: Commit, { states = [], settled }: Drafted) {
    try {
      passKinds("decided", commit);
      const committed = await store.commit(commit);
      passKinds("committed", commit);
      const isDone = committed.replayed === undefined;
      if (isDone) entities.keep(commit, states, committed);
      settled?.(isDone);
      onCommit(commit, "done");
      return committed;
    } catch (error) {
      settled?.(false);
      entities.drop(commit);
      if (isRefused(error, "store_full")) onCommit(commit, "full");
      throw error;
    }
  }

  /** The stored answer, if the request was carried out before. */
  async function earlier<T>({ ns, request }: Caller): Promise<Answer<T> | undefined> {
    if (request === undefined) return undefined;
    const reply = await store.reply(ns, request.key);
    return reply && { result: replay<T>(reply, request), replayed: true };
  }

  async function answer<T>(caller: Caller, n: number, decide: Decide<T>): Promise<Answer<T>> {
    const { ns, request } = caller;
    if (request === undefined) return { result: await write(await decide(n)), replayed: false };
    const { key, hash } = request;
    const done = await earlier<T>(caller);
    if (done !== undefined) return done;
    const { commit = {}, result, ...drafted } = await decide(n);
    const reply = { ns, key, requestHash: hash, body: JSON.stringify(result), ttlMs: replyTtlMs };
    const { replayed } = await carryOut({ ...commit, reply }, drafted);
    if (replayed !== undefined) return { result: replay<T>(replayed, request), replayed: true };
    return { result, replayed: false };
  }

  /** A refusal may only mean that another process has just carried the request out. */
  async function answerOrEarlier<T>(caller: Caller, n: number, decide: Decide<T>) {
    try {
      return await answer(caller, n, decide);
    } catch (error) {
      const done = error instanceof Refused ? await earlier<T>(caller) : undefined;
      if (done === undefined) throw error;
      return done;
    }
  }

  return {
    draft: (ns) => createDraft(entities, ns),
    change: (lock, decide) =>
      locked(lock, () => retried(lock, async (n) => write(await decide(n)))),
    mutate: (caller, lock, decide) =>
      locked(lock, () => retried(lock, (n) => answerOrEarlier(caller, n, decide))),
  };
}

function passKinds(stage: "decided" | "committed", { put = [], reply }: Commit): void {
  if (armedFailpoint() === undefined) return;
  if (stage === "committed" && reply !== undefined) failpoint("request.kept");
  for (const { kind } of put)
    failpoint(`${stage}.${kind === "template_version" ? "template" : kind}`);
}

function replay<T>({ requestHash, body }: Reply, { id, hash }: RequestKey): T {
  if (!Buffer.from(requestHash).equals(hash)) {
    throw new Refused({ code: "request_id_reused", requestId: id });
  }
  return JSON.parse(body) as T;
}
