import { setTimeout as delay } from "node:timers/promises";
import type { Agent } from "../core/agent.ts";
import type { Task } from "../core/task.ts";
import { isEnded } from "../core/task-states.ts";
import { renewedUntilMs } from "../core/task-times.ts";
import type { SessionLease, Store } from "../store/store.ts";
import type { Directive, HeldTask } from "./agents.ts";
import { leaseTimer, taskKey } from "./keys.ts";

/** Beats that arrive within this time are one write. */
const GATHER_MS = 50;

export interface BeatResult {
  readonly leaseUntilMs: number;
  readonly directives: readonly Directive[];
  /** A held task stands still for longer than its step allows, or offers do not reach the agent. */
  readonly stalled: boolean;
}

/**
 * Renews leases of sessions and tasks. Beats write no history and are gathered:
 * ten thousand agents cost a few writes a second. What is answered is on disk.
 */
export interface Beats {
  /** `undefined`: a newer session took over in the meantime. */
  beat(ns: string, agent: Agent, held: readonly HeldTask[]): Promise<BeatResult | undefined>;
  /** Whether a held task has stood still for longer than its step allows. */
  isStill(task: Task): boolean;
  /** An offer to a session lapsed without an acknowledgement. */
  offerLapsed(sessionId: string): void;
  /** A session gave a sign that offers reach it: an acknowledgement, a report, a new line. */
  offersArrive(sessionId: string): void;
  /** The agent's last words about its present attempt, and where they moved its lease. */
  last(task: Task): { readonly held: HeldTask; readonly untilMs: number } | undefined;
}

/** Tasks and sessions remembered here; the oldest go first. */
const REMEMBERED_MAX = 100_000;

/** Offers in a row that a session let lapse before its stream counts as dead. */
const LAPSES_MAX = 2;

interface Words {
  readonly held: HeldTask;
  /** When its progress last grew. */
  readonly movedAtMs: number;
  readonly untilMs: number;
}

export function createBeats(store: Store): Beats {
  const words = new Map<string, Words>();
  /** Offers that lapsed in a row, by session; a session that never lets one lapse is not here. */
  const lapses = new Map<string, number>();
  const session = gatherer((leases: readonly SessionLease[]) => store.beat(leases));
  const timers = gatherer((items: readonly { key: string; dueAtMs: number }[]) =>
    store.extend(items),
  );

  function last({ taskId, leaseEpoch }: Pick<Task, "taskId" | "leaseEpoch">): Words | undefined {
    const found = words.get(taskId);
    return found?.held.leaseEpoch === leaseEpoch ? found : undefined;
  }

  async function renew(ns: string, task: Task, held: HeldTask): Promise<boolean> {
    const nowMs = store.nowMs();
    const before = last(task);
    // The first word after a restart counts as progress: better late than wrong.
    const movedAtMs = before?.held.progress === held.progress ? before.movedAtMs : nowMs;
    const untilMs = renewedUntilMs(task, nowMs, movedAtMs);
    if (untilMs === undefined) return false;
    remember(words, task.taskId, { held, movedAtMs, untilMs });
    // An offer ends by its ack: a beat that saw it before must not move its timer back.
    if (untilMs > nowMs && task.state !== "assigned") {
      const { key } = leaseTimer(ns, task.taskId, task.leaseEpoch);
      await timers({ key, dueAtMs: untilMs });
    }
    return untilMs <= nowMs;
  }

  /** Renews the leases of the tasks it holds. @returns whether one stands still. */
  async function renewAll(
    ns: string,
    agentId: string,
    held: readonly HeldTask[],
    directives: Directive[],
  ): Promise<boolean> {
    const entities = await store.load(held.map(({ taskId }) => taskKey(ns, taskId)));
    const renewals = held.map(async (item, i) => {
      const entity = entities[i];
      const task = entity === undefined ? undefined : (JSON.parse(entity.state) as Task);
      const directive = directiveFor(task, item, agentId);
      if (directive !== undefined) directives.push(directive);
      if (task === undefined || directive?.type === "drop_task") words.delete(item.taskId);
      else return renew(ns, task, item);
      return false;
    });
    return (await Promise.all(renewals)).some(Boolean);
  }

  return {
    async beat(ns, { agentId, session: open }, held) {
      if (open === undefined) return undefined;
      const lease = { ns, agentId, sessionEpoch: open.epoch, leaseMs: open.leaseMs };
      const directives: Directive[] = [];
      const [isCurrent, isStill] = await Promise.all([
        session(lease),
        renewAll(ns, agentId, held, directives),
      ]);
      if (!isCurrent) return undefined;
      const isDeaf = (lapses.get(open.sessionId) ?? 0) >= LAPSES_MAX;
      if (isDeaf) directives.push({ type: "reopen_stream" });
      const leaseUntilMs = store.nowMs() + open.leaseMs;
      return { leaseUntilMs, directives, stalled: isStill || isDeaf };
    },

    isStill(task) {
      const { heartbeatMs } = task.timeouts;
      const said = last(task);
      if (heartbeatMs === undefined || said === undefined) return false;
      return store.nowMs() - said.movedAtMs >= heartbeatMs;
    },

    offerLapsed(sessionId) {
      remember(lapses, sessionId, (lapses.get(sessionId) ?? 0) + 1);
    },

    offersArrive: (sessionId) => void lapses.delete(sessionId),
    last,
  };
}

/** What to say about a task that an agent says it holds. */
function directiveFor(
  task: Task | undefined,
  { taskId, leaseEpoch }: HeldTask,
  agentId: string,
): Directive | undefined {
  const drop = (reason: string): Directive => ({ type: "drop_task", taskId, leaseEpoch, reason });
  if (task === undefined) return drop("there is no such task");
  if (task.leaseEpoch !== leaseEpoch || task.agentId !== agentId)
    return drop("it was handed out again");
  if (isEnded(task)) return drop(`the task is ${task.state}`);
  if (task.cancel === undefined) return undefined;
  return { type: "cancel_task", taskId, leaseEpoch, ...task.cancel };
}

function remember<T>(known: Map<string, T>, name: string, value: T): void {
  known.delete(name);
  known.set(name, value);
  const [oldest] = known.keys();
  if (known.size > REMEMBERED_MAX && oldest !== undefined) known.delete(oldest);
}

/** Gathers single calls into one; each gets its own answer. */
function gatherer<I>(
  write: (items: readonly I[]) => Promise<readonly boolean[]>,
): (item: I) => Promise<boolean> {
  let waiting: I[] = [];
  let batch: Promise<readonly boolean[]> | undefined;
  return async (item) => {
    const index = waiting.push(item) - 1;
    batch ??= delay(GATHER_MS).then(() => {
      const items = waiting;
      waiting = [];
      batch = undefined;
      return write(items);
    });
    return (await batch)[index] ?? false;
  };
}
