import type { Agent } from "../core/agent.ts";
import type { Limits } from "../core/limits.ts";
import { type Candidate, fits, pickAgent } from "../core/match.ts";
import type { Task } from "../core/task.ts";
import { attemptDeadlineMs, leaseTimerAtMs } from "../core/task-times.ts";
import type { Advance } from "./advance.ts";
import { system } from "./caller.ts";
import type { Draft, Drafted } from "./draft.ts";
import { agentKey, taskKey, taskQueue } from "./keys.ts";
import type { Line, Lines } from "./lines.ts";
import type { Assignment } from "./tasks.ts";

/** More lines than these are weighed by the dispatcher, for many tasks at once. */
const CANDIDATES_MAX = 100;

export interface HandOutDeps {
  readonly advance: Advance;
  readonly lines: Lines;
  readonly limits: Limits;
}

/**
 * Assigns the tasks that a draft makes ready to lines that wait with nothing to
 * take: both decisions are one commit. Call it last, and pass `settled` on. After
 * a lost race it leaves them to the queue: an agent whose state changes all the
 * time must not hold up what is done for others.
 */
export type HandOut = (draft: Draft, attempt: number) => Promise<Pick<Drafted, "settled">>;

export function createHandOut({ advance, lines, limits }: HandOutDeps): HandOut {
  return async (draft, attempt) => {
    const { ns, nowMs } = draft;
    if (attempt > 1) return {};
    using handed = new Handed();
    for (const task of draft.puts<Task>("task").filter((put) => isNew(put, nowMs))) {
      const waiting = lines.waitingAt(taskQueue(ns, task.capability));
      if (waiting.length === 0 || waiting.length > CANDIDATES_MAX) continue;
      const chosen = pickAgent(task, waiting.flatMap(candidateOf));
      if (chosen === undefined) continue;
      handed.reserve(chosen.line, task.taskId);
      await assign(advance, draft, task, chosen, limits);
    }
    return handed.move(draft);
  };
}

/** A line as a candidate for a task, by what it knows of its agent. */
export interface LineCandidate extends Candidate {
  readonly line: Line;
}

export function candidateOf(line: Line): LineCandidate[] {
  const { agent, wanting: slotsFree, slots } = line;
  if (slotsFree === 0 || !isOf(agent, line)) return [];
  return [{ line, agent, slotsFree, idleSinceMs: slots.idleSinceMs }];
}

/**
 * The hand-out: attempt and lease epoch rise in the commit of the draft. The line was picked by what
 * it knows of its agent; `false`: the agent is no longer so. It holds only if the agent stays so.
 */
export async function assign(
  advance: Advance,
  draft: Draft,
  task: Task,
  { line, slotsFree }: LineCandidate,
  limits: Limits,
): Promise<boolean> {
  const { ns, sessionId, epoch: sessionEpoch, leaseMs, autoAck } = line.options;
  const { agentId } = line.agent;
  const key = agentKey(ns, agentId);
  await draft.load(key);
  const agent = draft.get<Agent>(key);
  if (agent === undefined || !isOf(agent, line) || !fits(task, agent, slotsFree)) return false;
  draft.require(key);
  const command = { type: "assign", agentId, sessionId, sessionEpoch, leaseMs } as const;
  const terms = { offerMs: limits.offer_ms, acknowledge: autoAck };
  await advance.task(draft, task.taskId, { ...command, ...terms }, system(ns));
  return true;
}

/** Whether the line belongs to the present session of the agent. */
function isOf({ session }: Agent, { options }: Line): boolean {
  return session?.sessionId === options.sessionId && session.closedAtMs === undefined;
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

/** What is handed out again may have to wait behind others: the queue knows. */
function isNew({ state, leaseEpoch, readyAtMs }: Task, nowMs: number): boolean {
  return state === "queued" && leaseEpoch === 0 && readyAtMs <= nowMs;
}

/** Slots that are taken while a commit is on its way. */
class Handed implements Disposable {
  readonly #slots = new DisposableStack();
  readonly #tasks: { readonly line: Line; readonly taskId: string }[] = [];

  reserve(line: Line, taskId: string): void {
    this.#slots.use(line.reserve());
    this.#tasks.push({ line, taskId });
  }

  /** Says what to do when the outcome of the commit is known: then the slots are held, or free. */
  move(draft: Draft): Pick<Drafted, "settled"> {
    if (this.#tasks.length === 0) return {};
    const slots = this.#slots.move();
    const settled = (committed: boolean): void => {
      for (const { line, taskId } of committed ? this.#tasks : []) {
        const task = draft.get<Task>(taskKey(draft.ns, taskId));
        const assignment = task && toAssignment(task);
        if (assignment !== undefined) line.hand(assignment);
      }
      slots.dispose();
    };
    return { settled };
  }

  [Symbol.dispose](): void {
    this.#slots.dispose();
  }
}
