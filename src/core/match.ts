import type { Agent } from "./agent.ts";
import { isSelectable } from "./agent-view.ts";
import type { Json } from "./json.ts";
import type { Task } from "./task.ts";
import { holds } from "./task-condition.ts";
import { parseCapability, satisfies } from "./version.ts";

/** An agent that asks for work. */
export interface Candidate {
  readonly agent: Agent;
  /** How many more tasks it can take. */
  readonly slotsFree: number;
  /** Since when it waits for work. Unix ms. */
  readonly idleSinceMs: number;
}

const USUAL_PRIORITY = 5;
const PRIORITY_STEP_MS = 60_000;

/** The agent to hand `task` to: of those it fits, the longest idle. */
export function pickAgent<C extends Candidate>(
  task: Task,
  candidates: readonly C[],
): C | undefined {
  return candidates
    .toSorted((a, b) => a.idleSinceMs - b.idleSinceMs)
    .find(({ agent, slotsFree }) => fits(task, agent, slotsFree));
}

/** Whether this agent may be handed this task now: it can take one, and every part of the selector holds. */
export function fits(task: Task, agent: Agent, slotsFree: number): boolean {
  const { capability, agentId, where } = task.selector;
  return (
    slotsFree > 0 &&
    isSelectable(agent) === true &&
    (agentId === undefined || agentId === agent.agentId) &&
    (capability === undefined || offers(agent, capability)) &&
    (where === undefined || holds(where, { ...task.values, agent: readable(agent, slotsFree) }))
  );
}

/** The order in which tasks are handed out. Equal ones by id, so that everybody agrees. */
export function compareTasks(a: Queued, b: Queued): number {
  return (
    duePriority(b.readyAtMs, b.priority) - duePriority(a.readyAtMs, a.priority) ||
    (a.taskId < b.taskId ? -1 : Number(a.taskId > b.taskId))
  );
}

type Queued = Pick<Task, "taskId" | "readyAtMs" | "priority">;

/**
 * The priority of a task's due item, so that claims come in the same order:
 * the longest due first, and each step of priority counts like 60 s of waiting,
 * so that nothing starves.
 */
export function duePriority(readyAtMs: number, priority: number): number {
  return (priority - USUAL_PRIORITY) * PRIORITY_STEP_MS - readyAtMs;
}

function offers({ spec }: Agent, wanted: string): boolean {
  const { name, range } = parseCapability(wanted);
  return spec.capabilities.some(
    (offered) => offered.name === name && satisfies(offered.version ?? "", range),
  );
}

/** What `where` reads about the agent. */
function readable({ agentId, spec, state }: Agent, slotsFree: number): Json {
  return {
    agent_id: agentId,
    version: spec.version ?? "",
    labels: spec.labels,
    capabilities: Object.fromEntries(
      spec.capabilities.map(({ name, version = "0.0.0" }) => [name, version]),
    ),
    state,
    slots_free: slotsFree,
  };
}
