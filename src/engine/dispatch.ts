import type { Logger } from "pino";
import type { Agent } from "../core/agent.ts";
import { isRefused, Refused } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import { type Candidate, fits, pickAgent } from "../core/match.ts";
import type { Task } from "../core/task.ts";
import { isWaiting } from "../core/task-states.ts";
import { attemptDeadlineMs, leaseTimerAtMs } from "../core/task-times.ts";
import type { Reserved, Store } from "../store/store.ts";
import type { Advance } from "./advance.ts";
import type { Alarm } from "./alarm.ts";
import { system } from "./caller.ts";
import type { Changes } from "./changes.ts";
import { agentKey, taskKey, taskQueue } from "./keys.ts";
import type { Line, Lines } from "./lines.ts";
import type { Assignment } from "./tasks.ts";

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
  const stopped = aborted(signal);
  let reach: Reach = new Map();
  while (!signal.aborted) {
    const rung = lines.rung; // Taken before looking: a line that opens now is not missed.
    const wanting = lines.wanting();
    const wants = wantsOf(wanting, reach);
    if (wants.length === 0) {
      await Promise.race([rung, stopped]);
      continue;
    }
    try {
      const items = await store.claim(wants, deps.replicaId, RESERVE_MS);
      if (items.length > 0) reach = further(reach, wants, items, await handOut(deps, items));
      else {
        for (const line of wanting) line.markLooked();
        await readyOr(
          store,
          wants.map(({ queue }) => queue),
          rung,
          signal,
        );
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ err: error }, "hand-out failed, trying again");
      await readyOr(store, [], rung, AbortSignal.any([signal, AbortSignal.timeout(RETURN_MAX_MS)]));
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

/** Waits for a ready item in one of the queues, or for a line to ask for something else. */
async function readyOr(
  store: Store,
  queues: readonly string[],
  rung: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const ready = queues.length === 0 ? aborted(signal) : store.ready(queues, either);
  try {
    await Promise.race([ready, rung]);
  } catch (error) {
    if (!either.aborted) throw error;
  } finally {
    done.abort();
    ready.catch(() => undefined); // It rejects with the abort just made.
  }
}

/** @returns the queues that something was handed out of. */
async function handOut(
  deps: DispatchDeps,
  items: readonly Reserved[],
): Promise<ReadonlySet<string>> {
  const { store, lines } = deps;
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
    return assign(deps, item, task, chosen);
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

interface LineCandidate extends Candidate {
  readonly line: Line;
}

function candidateOf(line: Line): LineCandidate[] {
  const { agent, wanting: slotsFree, slots } = line;
  if (slotsFree === 0 || !isOf(agent, line)) return [];
  return [{ line, agent, slotsFree, idleSinceMs: slots.idleSinceMs }];
}

/** Whether the line belongs to the present session of the agent. */
function isOf({ session }: Agent, { options }: Line): boolean {
  return session?.sessionId === options.sessionId && session.closedAtMs === undefined;
}

/**
 * The hand-out: attempt and lease epoch rise in the commit, then the line hears of it. It was picked
 * by what the line knows of its agent, and holds only if the agent still is so.
 */
async function assign(
  deps: DispatchDeps,
  item: Reserved,
  task: Task,
  { line, slotsFree }: LineCandidate,
): Promise<void> {
  const { store, changes, advance, limits, logger } = deps;
  const { ns, sessionId, epoch, leaseMs, autoAck } = line.options;
  const key = agentKey(ns, line.agent.agentId);
  using _slot = line.reserve();
  try {
    const assignment = await changes.change(`run/${ns}/${task.runId}`, async () => {
      const draft = changes.draft(ns);
      await draft.load(key);
      const agent = draft.get<Agent>(key);
      if (agent === undefined || !isOf(agent, line) || !fits(task, agent, slotsFree)) {
        return { result: undefined };
      }
      draft.require(key);
      const command = {
        type: "assign",
        agentId: agent.agentId,
        sessionId,
        sessionEpoch: epoch,
        leaseMs,
        offerMs: limits.offer_ms,
        acknowledge: autoAck,
      } as const;
      await advance.task(draft, task.taskId, command, system(ns));
      draft.finish({ queue: item.queue, key: item.key, token: item.token });
      const handed = draft.get<Task>(taskKey(ns, task.taskId));
      return { ...draft.toChange(), result: handed && toAssignment(handed) };
    });
    if (assignment === undefined) await giveBack(deps, item, store.nowMs());
    else line.hand(assignment);
  } catch (error) {
    // Lost to somebody else, or the task moved on: the item is theirs, or comes back by itself.
    if (!(error instanceof Refused)) throw error;
    logger.debug({ taskId: task.taskId, refusal: error.refusal.code }, "hand-out lost");
  }
}

/** What the agent gets of a task it holds; `undefined` when nobody does. */
export function toAssignment(task: Task): Assignment | undefined {
  const leaseUntilMs = leaseTimerAtMs(task);
  if (leaseUntilMs === undefined) return undefined;
  return {
    task,
    leaseUntilMs,
    deadlineMs: attemptDeadlineMs(task),
    ...(task.failure !== undefined && { lastFailure: task.failure }),
  };
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

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

/** Queues are `task/<ns>/<capability>`, keys `<task>/<epoch>`. */
function nsOf({ queue }: Reserved): string {
  return queue.split("/")[1] ?? "";
}

function taskIdOf({ key }: Reserved): string {
  return key.slice(0, key.lastIndexOf("/"));
}
