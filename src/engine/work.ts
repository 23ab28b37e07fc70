import { isRefused } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import type { Task } from "../core/task.ts";
import type { Store } from "../store/store.ts";
import type { Advance } from "./advance.ts";
import type { Agents } from "./agents.ts";
import type { Beats } from "./beats.ts";
import { type Caller, refuseOther, system } from "./caller.ts";
import type { Changes } from "./changes.ts";
import { toAssignment } from "./hand-out.ts";
import { jitter } from "./ids.ts";
import { taskKey } from "./keys.ts";
import type { Line, Lines } from "./lines.ts";
import type { Assignment, Tasks, WorkEvent, WorkOptions } from "./tasks.ts";

/** An open poll counts as a beat this often, or three times a lease if that is shorter. */
const POLL_BEAT_MS = 1_000;

export interface WorkDeps {
  readonly store: Store;
  readonly changes: Changes;
  readonly advance: Advance;
  readonly agents: Pick<Agents, "session" | "beat">;
  readonly lines: Lines;
  readonly beats: Beats;
  readonly limits: Limits;
}

/** Opens lines on which agents are handed work: polls and streams. */
export function createWork(deps: WorkDeps): Pick<Tasks, "poll" | "work"> {
  const { lines, agents } = deps;

  return {
    async poll(caller, { maxTasks, held, ...options }, signal, gone) {
      const line = await openLine(deps, caller, options, "poll", maxTasks);
      const { agent, sessionId, epoch } = line.options;
      try {
        for (;;) {
          const beat = { agentId: agent.agentId, sessionId, epoch, held };
          const { directives, leaseUntilMs } = await agents.beat(caller, beat);
          if (directives.length === 0) await line.pull(firstOf(signal, line));
          await line.settled(); // What is being handed out belongs to this answer.
          gone?.throwIfAborted();
          const said = line.take();
          const answer = { ...said, directives: [...directives, ...said.directives], leaseUntilMs };
          const empty = answer.assignments.length + answer.directives.length === 0;
          if (empty && !signal.aborted) continue;
          return answer;
        }
      } finally {
        await closeLine(deps, line, []);
      }
    },

    async work(caller, options, signal) {
      const line = await openLine(deps, caller, options, "stream", options.window);
      return {
        events: workEvents(deps, line, signal),
        setWindow(tasks) {
          line.window = tasks;
          lines.ring();
        },
      };
    },
  };
}

/** Ends one wait of a poll: its time is over, but not before the queues were looked at once. */
function firstOf(signal: AbortSignal, line: Line): AbortSignal {
  const beat = AbortSignal.timeout(Math.min(POLL_BEAT_MS, Math.ceil(line.options.leaseMs / 3)));
  return AbortSignal.any([signal.aborted ? line.looked : signal, beat]);
}

async function* workEvents(
  deps: WorkDeps,
  line: Line,
  signal: AbortSignal,
): AsyncGenerator<WorkEvent> {
  const endMs = deps.store.nowMs() + deps.limits.stream_age_ms;
  // What was yielded counts as written once the next is asked for.
  let unwritten: readonly Assignment[] = [];
  try {
    while (!signal.aborted) {
      const { assignments, directives } = line.take();
      if (assignments.length > 0) {
        unwritten = assignments;
        yield { type: "assignments", assignments };
        unwritten = [];
      }
      if (directives.length > 0) yield { type: "directives", directives };
      const cause = line.replaced
        ? "replaced"
        : deps.store.nowMs() >= endMs
          ? "max_age"
          : undefined;
      if (cause !== undefined) return void (yield { type: "moved", cause });
      if (await isIdle(line, deps.limits.progress_ms, signal)) yield { type: "idle" };
    }
  } finally {
    await closeLine(deps, line, unwritten);
  }
}

/** Waits for something to say; `true` when there was nothing for a while. */
async function isIdle(line: Line, idleMs: number, signal: AbortSignal): Promise<boolean> {
  const idle = AbortSignal.timeout(idleMs);
  await line.pull(AbortSignal.any([signal, idle]));
  return idle.aborted && !signal.aborted;
}

async function openLine(
  { store, agents, lines, beats }: WorkDeps,
  caller: Caller,
  { sessionId, epoch, autoAck }: WorkOptions,
  kind: "poll" | "stream",
  window: number | undefined,
): Promise<Line> {
  const { ns } = caller;
  const { agent, session } = await agents.session(ns, sessionId, epoch);
  refuseOther(caller, agent.agentId);
  const { leaseMs } = session;
  const options = {
    ns,
    agent,
    sessionId,
    epoch,
    leaseMs,
    autoAck,
    kind,
    window: window ?? agent.spec.slots,
  };
  // Whoever opens a line listens: offers that lapsed before count no more.
  beats.offersArrive(sessionId);
  const replaced = kind === "stream" ? streamsOf(lines, ns, agent.agentId) : [];
  for (const stream of replaced) stream.replace();
  const line = lines.open(options, store.nowMs());
  try {
    await Promise.all(replaced.map((stream) => stream.settled()));
    const query = {
      ns,
      kind: "lease",
      parent: agent.agentId,
      order: "id",
      limit: agent.spec.slots,
    } as const;
    const taskIds = (await store.list(query)).entities.map(({ id }) => id);
    line.slots.start(taskIds);
    if (kind === "stream") await offerAgain(store, line, taskIds);
  } catch (error) {
    lines.close(line);
    throw error;
  }
  return line;
}

/** An agent has one assignment stream, the newest: what the ones before hold is offered on it. */
function streamsOf(lines: Lines, ns: string, agentId: string): readonly Line[] {
  return lines.of(ns, agentId).filter(({ options }) => options.kind === "stream");
}

/** Offers that the session has not acknowledged may never have arrived: they are sent again. */
async function offerAgain(store: Store, line: Line, taskIds: readonly string[]): Promise<void> {
  const { ns, sessionId } = line.options;
  const entities = await store.load(taskIds.map((taskId) => taskKey(ns, taskId)));
  for (const entity of entities) {
    const task = entity === undefined ? undefined : (JSON.parse(entity.state) as Task);
    if (task?.state !== "assigned" || task.lease?.sessionId !== sessionId) continue;
    const assignment = toAssignment(task);
    if (assignment !== undefined) line.hand(assignment);
  }
}

/**
 * Closes a line and gives back what was handed out on it and never left. The stream that replaced
 * one offers all of that again.
 */
async function closeLine(
  { changes, advance, lines }: WorkDeps,
  line: Line,
  unwritten: readonly Assignment[],
) {
  await line.settled();
  lines.close(line);
  const unsent = line.replaced ? [] : [...unwritten, ...line.take().assignments];
  const { ns } = line.options;
  await Promise.all(
    unsent.map(async ({ task: { taskId, runId, leaseEpoch } }) => {
      try {
        await changes.change(`run/${ns}/${runId}`, async () => {
          const draft = changes.draft(ns);
          const reason = "the assignment was never delivered";
          const release = {
            type: "release",
            leaseEpoch,
            hash: "",
            notBeforeMs: 0,
            reason,
            jitter: jitter(),
          } as const;
          await advance.task(draft, taskId, release, system(ns));
          return { ...draft.toChange(), result: undefined };
        });
      } catch (error) {
        if (!isRefused(error, "lease_lost", "outcome_recorded", "contention")) throw error;
      }
    }),
  );
}
