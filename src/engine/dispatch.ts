import type { Logger } from "pino";
import type { Agent } from "../core/agent.ts";
import { isRefused, Refused } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import { type Candidate, pickAgent } from "../core/match.ts";
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
  while (!signal.aborted) {
    const rung = lines.rung; // Taken before looking: a line that opens now is not missed.
    const wanting = lines.wanting();
    const wants = wantsOf(wanting);
    if (wants.length === 0) {
      await Promise.race([rung, stopped]);
      continue;
    }
    try {
      const items = await store.claim(wants, deps.replicaId, RESERVE_MS);
      if (items.length > 0) await handOut(deps, items);
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

/** The queues that open lines could take from, and how much. */
function wantsOf(lines: readonly Line[]): { queue: string; limit: number }[] {
  const limits = new Map<string, number>();
  for (const { options, wanting } of lines) {
    const names = ["", ...options.agent.spec.capabilities.map(({ name }) => name)];
    for (const name of names) {
      const queue = taskQueue(options.ns, name);
      limits.set(queue, Math.min(CLAIM_MAX, (limits.get(queue) ?? 0) + wanting));
    }
  }
  return [...limits].map(([queue, limit]) => ({ queue, limit }));
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

async function handOut(deps: DispatchDeps, items: readonly Reserved[]): Promise<void> {
  const { store, lines } = deps;
  const tasks = await store.load(items.map((item) => taskKey(nsOf(item), taskIdOf(item))));
  const agents = await loadAgents(store, lines.wanting());
  const now = store.nowMs();
  const work: Promise<void>[] = [];
  for (const [i, item] of items.entries()) {
    const entity = tasks[i];
    const task = entity === undefined ? undefined : (JSON.parse(entity.state) as Task);
    if (task === undefined || !isWaiting(task)) {
      work.push(finish(store, item));
      continue;
    }
    const candidates = lines.wanting().flatMap((line) => candidateOf(line, nsOf(item), agents));
    const chosen = pickAgent(task, candidates);
    work.push(
      chosen === undefined ? giveBack(deps, item, now) : assign(deps, item, task, chosen.line),
    );
  }
  await Promise.all(work);
}

interface LineCandidate extends Candidate {
  readonly line: Line;
}

function candidateOf(line: Line, ns: string, agents: ReadonlyMap<string, Agent>): LineCandidate[] {
  const agent = agents.get(`${line.options.ns}/${line.options.agent.agentId}`);
  if (line.options.ns !== ns || agent?.session?.sessionId !== line.options.sessionId) return [];
  return [{ line, agent, slotsFree: line.wanting, idleSinceMs: line.slots.idleSinceMs }];
}

/** The agents of the lines as they are now: a line knows its agent only as it was when opened. */
async function loadAgents(store: Store, lines: readonly Line[]): Promise<Map<string, Agent>> {
  const names = new Map(
    lines.map(({ options: { ns, agent } }) => [
      `${ns}/${agent.agentId}`,
      agentKey(ns, agent.agentId),
    ]),
  );
  const entities = await store.load([...names.values()]);
  return new Map(
    [...names.keys()].flatMap((name, i) => {
      const entity = entities[i];
      return entity === undefined ? [] : [[name, JSON.parse(entity.state) as Agent] as const];
    }),
  );
}

/** The hand-out: attempt and lease epoch rise in the commit, then the line hears of it. */
async function assign(deps: DispatchDeps, item: Reserved, task: Task, line: Line): Promise<void> {
  const { changes, advance, limits, logger } = deps;
  const { ns, agent, sessionId, epoch, leaseMs, autoAck } = line.options;
  using _slot = line.reserve();
  try {
    const assignment = await changes.change(`run/${ns}/${task.runId}`, async () => {
      const draft = changes.draft(ns);
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
    if (assignment !== undefined) line.hand(assignment);
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
