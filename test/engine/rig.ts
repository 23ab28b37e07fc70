import { pino } from "pino";
import type { AgentSpec } from "../../src/core/agent.ts";
import type { Json } from "../../src/core/json.ts";
import { type Limits, limitsWith } from "../../src/core/limits.ts";
import type { Step, Template } from "../../src/core/template-types.ts";
import type { HeldTask } from "../../src/engine/agents.ts";
import { type Caller, system } from "../../src/engine/caller.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import type { Assignment, WorkEvent } from "../../src/engine/tasks.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { Store } from "../../src/store/store.ts";

export const NS = "default";
export const CALLER: Caller = { ns: NS, actor: "user:test" };

/** The whole engine over a store, with a clock that only the test moves. */
export interface EngineRig extends AsyncDisposable {
  readonly engine: Engine;
  readonly store: Store;
  /** Moves the clock; what is due by then is done soon after. */
  advance(ms: number): void;
  /** An agent with an open session. */
  agent(agentId: string, spec?: Partial<AgentSpec>, leaseMs?: number): Promise<TestAgent>;
  /** Publishes a template of these steps and starts a run of it. */
  run(steps: readonly Step[], input?: Json, rest?: Partial<Template>): Promise<string>;
}

export interface TestAgent {
  readonly agentId: string;
  readonly sessionId: string;
  readonly epoch: number;
  beat(
    held?: readonly Pick<HeldTask, "taskId" | "leaseEpoch" | "progress">[],
  ): ReturnType<Engine["agents"]["beat"]>;
  /** Takes what is ready now. */
  poll(maxTasks?: number, autoAck?: boolean): Promise<readonly Assignment[]>;
  /** Waits until there is one. */
  take(autoAck?: boolean): Promise<Assignment>;
}

/** @param path a folder instead of memory. */
export async function openEngine(
  changed: Partial<Limits> = {},
  path = ":memory:",
): Promise<EngineRig> {
  let nowMs = 1_000_000;
  const limits = limitsWith({ sweep_ms: 10, lease_ms: 10, lease_min_ms: 1, ...changed });
  const store = await openSqliteStore({ path, now: () => nowMs });
  const logger = pino({ level: "silent" });
  const engine = createEngine({ store, limits, logger, replicaId: "test" });
  engine.start();
  // Past the patience that follows every start.
  nowMs += 600_000;
  let templates = 0;

  return {
    engine,
    store,
    advance(ms) {
      nowMs += ms;
    },

    async agent(agentId, spec = {}, leaseMs = 10_000) {
      const full = { capabilities: [{ name: "work" }], labels: {}, slots: 1, ...spec };
      const open = { leaseMs, ifLive: "take_over", peer: "test" } as const;
      const { result } = await engine.agents.register(CALLER, { agentId, spec: full, open });
      const { sessionId = "", epoch = 0 } = result.record.agent.session ?? {};
      const poll = async (maxTasks = 1, autoAck = false, signal = AbortSignal.abort()) => {
        const options = { sessionId, epoch, maxTasks, autoAck, held: [] };
        return (await engine.tasks.poll(system(NS), options, signal)).assignments;
      };
      return {
        agentId,
        sessionId,
        epoch,
        beat: (held = []) =>
          engine.agents.beat(system(NS), {
            agentId,
            sessionId,
            epoch,
            held: held.map((task) => ({ ratio: 0, note: "", ...task })),
          }),
        poll,
        async take(autoAck = false) {
          const [task] = await poll(1, autoAck, AbortSignal.timeout(5_000));
          if (task === undefined) throw new Error(`${agentId} was handed nothing`);
          return task;
        },
      };
    },

    async run(steps, input, rest = {}) {
      const templateId = `t${++templates}`;
      const template: Template = { templateId, version: "1.0.0", main: { steps }, ...rest };
      await engine.templates.publish(CALLER, template, { makeDefault: true });
      const start = {
        templateId,
        labels: {},
        ifExists: "fail",
        ...(input !== undefined && { input }),
      } as const;
      const { result } = await engine.runs.start(CALLER, start);
      return result.record.run.runId;
    },

    async [Symbol.asyncDispose]() {
      await engine.stop();
      await store.close();
    },
  };
}

/** A task step for the capability "work". */
export function workStep(id: string, more: Partial<Step> = {}): Step {
  return { id, kind: { type: "task", agent: { capability: "work" } }, ...more };
}

/** Looks again until something holds, for at most some seconds. */
export async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  const endMs = performance.now() + 8_000;
  while (performance.now() < endMs) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("it did not come to that");
}

/** The task of a step. */
export async function taskOf({ engine }: EngineRig, runId: string, stepPath: string) {
  const { items } = await engine.runs.tasks(NS, { limit: 100 });
  const found = items.find(({ task }) => task.runId === runId && task.stepPath === stepPath);
  if (found === undefined) throw new Error(`${stepPath} has no task`);
  return found.task;
}

/** The next event of a stream that is not idleness. */
export async function nextEvent(events: AsyncIterator<WorkEvent>): Promise<WorkEvent> {
  for (;;) {
    const { done, value } = await events.next();
    if (done === true) throw new Error("the stream has ended");
    if (value.type !== "idle") return value;
  }
}
