import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { isRefused, Refused } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import { pickAgent } from "../core/match.ts";
import type { Task } from "../core/task.ts";
import { isWaiting } from "../core/task-states.ts";
import { failpoint } from "../failpoint.ts";
import type { Reserved, Store } from "../store/store.ts";
import type { Advance } from "./advance.ts";
import type { Alarm } from "./alarm.ts";
import type { Changes } from "./changes.ts";
import { assign, candidateOf, type LineCandidate, toAssignment } from "./hand-out.ts";
import { taskKey, taskQueue } from "./keys.ts";
import type { Line, Lines } from "./lines.ts";

/** Reservation of a queue item while it is matched; it is not an attempt. */
const RESERVE_MS = 2_000;
/** Most items reserved at once. */
const CLAIM_MAX = 100;
/** An item that fits nobody here goes back for this long, doubling to the maximum. */
const RETURN_MIN_MS = 50;
const RETURN_MAX_MS = 2_000;

export interface DispatchDeps {
  readonly store: Store;
  readonly changes: Changes;
  readonly advance: Advance;
  readonly lines: Lines;
  readonly alarm: Alarm;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly replicaId: string;
}

/**
 * Hands tasks to the agents whose lines are open here, until `signal` aborts:
 * reserve what they could take, match, assign by a commit, say it on the line.
 * An item that fits nobody goes back, so it blocks no other.
 */
export async function dispatch(deps: DispatchDeps, signal: AbortSignal): Promise<void> {
  const { store, lines, logger } = deps;
  signal.addEventListener("abort", () => lines.ring(), { once: true });
  let reach: Reach = new Map();
  while (!signal.aborted) {
    const rung = lines.rung; // Taken before looking: a line that opens now is not missed.
    const wanting = lines.wanting();
    const wants = wantsOf(wanting, reach);
    if (wants.length === 0) {
      await rung;
      continue;
    }
    try {
      // A line that was not looked for yet is owed a look, even if there is nothing.
      const looked = wanting.every((line) => line.looked.aborted);
      if (looked && !(await readyOr(deps, takersOf(wanting), rung))) continue;
      const items = await store.claim(wants, deps.replicaId, RESERVE_MS);
      if (items.length > 0) reach = further(reach, wants, items, await handOut(deps, items));
      else for (const line of wanting) line.markLooked();
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ err: error }, "hand-out failed, trying again");
      await pause(signal);
    }
  }
}

/**
 * How many items of a queue are taken for each one that is wanted: one, as long as those in front
 * fit. A crowd that fits nobody is passed in strides that double, before it comes back.
 */
type Reach = ReadonlyMap<string, number>;

interface Want {
  readonly queue: string;
  readonly limit: number;
}

/** The queues that open lines could take from, and how much. */
function wantsOf(lines: readonly Line[], reach: Reach): Want[] {
  const limits = new Map<string, number>();
  for (const line of lines) {
    for (const queue of queuesOf(line)) {
      const more = line.wanting * (reach.get(queue) ?? 1);
      limits.set(queue, Math.min(CLAIM_MAX, (limits.get(queue) ?? 0) + more));
    }
  }
  return [...limits].map(([queue, limit]) => ({ queue, limit }));
}

function queuesOf({ options: { ns }, agent }: Line): string[] {
  return ["", ...agent.spec.capabilities.map(({ name }) => name)].map((name) =>
    taskQueue(ns, name),
  );
}

function further(
  reach: Reach,
  wants: readonly Want[],
  items: readonly Reserved[],
  fitted: ReadonlySet<string>,
): Reach {
  const seen = new Set(items.map(({ queue }) => queue));
  const next = (queue: string) => {
    if (fitted.has(queue)) return 1;
    return Math.min(CLAIM_MAX, (reach.get(queue) ?? 1) * (seen.has(queue) ? 2 : 1));
  };
  return new Map(wants.map(({ queue }) => [queue, next(queue)]));
}

/**
 * Waits for a ready item in one of the queues: `true`; or for a line to ask for something else.
 * Meanwhile the lines are known to have nothing to take, see `Lines.waitIn`.
 */
async function readyOr(
  { store, lines }: DispatchDeps,
  takers: ReadonlyMap<string, readonly Line[]>,
  rung: Promise<void>,
): Promise<boolean> {
  const done = new AbortController();
  const ready = store.ready([...takers.keys()], done.signal);
  ready.catch(() => undefined); // It rejects with the abort below.
  using _waiting = lines.waitIn(takers);
  try {
    return await Promise.race([ready.then(() => true), rung.then(() => false)]);
  } finally {
    done.abort("enough"); // A reason of our own: making the usual one takes long.
  }
}

/** A while without another try, or until `signal` aborts. */
async function pause(signal: AbortSignal): Promise<void> {
  await delay(RETURN_MAX_MS, undefined, { signal }).catch(() => undefined);
}

/** @returns the queues that something was handed out of. */
async function handOut(
  deps: DispatchDeps,
  items: readonly Reserved[],
): Promise<ReadonlySet<string>> {
  const { store, lines } = deps;
  failpoint("hand-out.reserved");
  const tasks = await store.load(items.map((item) => taskKey(nsOf(item), taskIdOf(item))));
  const takers = takersOf(lines.wanting());
  const now = store.nowMs();
  const fitted = new Set<string>();
  const work = items.map((item, i) => {
    const entity = tasks[i];
    const task = entity === undefined ? undefined : (JSON.parse(entity.state) as Task);
    if (task === undefined || !isWaiting(task)) return finish(store, item);
    const candidates = (takers.get(item.queue) ?? []).flatMap(candidateOf);
    if (candidates.length === 0 && lines.wanting().length === 0) return putBack(deps, item);
    const chosen = pickAgent(task, candidates);
    if (chosen === undefined) return giveBack(deps, item, now);
    fitted.add(item.queue);
    return give(deps, item, task, chosen);
  });
  await Promise.all(work);
  return fitted;
}

/** The lines that can take from each queue. */
function takersOf(lines: readonly Line[]): ReadonlyMap<string, readonly Line[]> {
  const takers = new Map<string, Line[]>();
  for (const line of lines) {
    for (const queue of queuesOf(line)) {
      const found = takers.get(queue);
      if (found === undefined) takers.set(queue, [line]);
      else found.push(line);
    }
  }
  return takers;
}

/** Hands a task out in a commit of its own, then the line hears of it. */
async function give(
  deps: DispatchDeps,
  item: Reserved,
  task: Task,
  chosen: LineCandidate,
): Promise<void> {
  const { store, changes, advance, limits, logger } = deps;
  const { line } = chosen;
  const { ns } = line.options;
  using _slot = line.reserve();
  try {
    const assignment = await changes.change(`run/${ns}/${task.runId}`, async () => {
      const draft = changes.draft(ns);
      if (!(await assign(advance, draft, task, chosen, limits))) return { result: undefined };
      draft.finish({ queue: item.queue, key: item.key, token: item.token });
      const handed = draft.get<Task>(taskKey(ns, task.taskId));
      return { ...draft.toChange(), result: handed && toAssignment(handed) };
    });
    failpoint("hand-out.committed");
    if (assignment === undefined) await giveBack(deps, item, store.nowMs());
    else line.hand(assignment);
  } catch (error) {
    // Lost to somebody else, or the task moved on: the item is theirs, or comes back by itself.
    if (!(error instanceof Refused)) throw error;
    logger.debug({ taskId: task.taskId, refusal: error.refusal.code }, "hand-out lost");
  }
}

/** Drops an item whose task has moved on. */
async function finish(store: Store, { queue, key, token }: Reserved): Promise<void> {
  await unlessLost(store.commit({ finish: [{ queue, key, token }] }));
}

/** Puts an item back as it was: nobody is left to look at it. */
async function putBack({ store }: DispatchDeps, item: Reserved): Promise<void> {
  const { untilMs: _, token, ...put } = item;
  await unlessLost(store.commit({ finish: [item], due: [put] }));
}

/** Puts an item back for a while, longer each time. */
async function giveBack(
  { store, alarm }: DispatchDeps,
  item: Reserved,
  nowMs: number,
): Promise<void> {
  const { queue, key, token, priority, payload } = item;
  const delayMs = Math.min(RETURN_MAX_MS, Math.max(RETURN_MIN_MS, Number(payload ?? 0) * 2));
  const due = [{ queue, key, priority, dueAtMs: nowMs + delayMs, payload: String(delayMs) }];
  await unlessLost(store.commit({ finish: [{ queue, key, token }], due }));
  alarm.hear({ due });
}

async function unlessLost(commit: Promise<unknown>): Promise<void> {
  try {
    await commit;
  } catch (error) {
    if (!isRefused(error, "reservation_lost")) throw error;
  }
}

/** Queues are `task/<ns>/<capability>`, keys `<task>/<epoch>`. */
function nsOf({ queue }: Reserved): string {
  return queue.split("/")[1] ?? "";
}

function taskIdOf({ key }: Reserved): string {
  return key.slice(0, key.lastIndexOf("/"));
}
