import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Agent } from "../../src/core/agent.ts";
import {
  type Candidate,
  compareTasks,
  duePriority,
  fits,
  pickAgent,
} from "../../src/core/match.ts";
import type { Task } from "../../src/core/task.ts";
import { holds } from "../../src/core/task-condition.ts";
import type { AgentSelector } from "../../src/core/template-types.ts";
import { LIVE, SPEC } from "./agent-samples.ts";
import { made, NOW_MS, QUEUED, queue } from "./task-samples.ts";

function wanting(selector: AgentSelector): Task {
  return made(queue({ selector, values: { input: { team: "b", least: 2 } } }));
}

describe("a task fits an agent", () => {
  test.each<[AgentSelector, boolean]>([
    [{ capability: "plan" }, true],
    [{ capability: "plan@^2" }, true],
    [{ capability: "plan@2.1.0" }, true],
    [{ capability: "plan@^3" }, false],
    [{ capability: "plan@^1" }, false],
    [{ capability: "pla" }, false],
    // No version offered is 0.0.0.
    [{ capability: "write" }, true],
    [{ capability: "write@^1" }, false],
    [{ capability: "write@0.0.0" }, true],
    [{ agentId: "ada" }, true],
    [{ agentId: "bob" }, false],
    [{ agentId: "ada", capability: "sing" }, false],
    [{ where: "agent.labels.team == 'b'" }, true],
    [{ where: "agent.labels.team == input.team" }, true],
    [{ where: "agent.labels.team == 'a'" }, false],
    [{ where: "agent.agent_id == 'ada' && agent.version == '1.2.0'" }, true],
    [{ where: "'plan' in agent.capabilities && agent.capabilities.plan == '2.1.0'" }, true],
    [{ where: "agent.capabilities.write == '0.0.0'" }, true],
    [{ where: "agent.state == 'initializing'" }, true],
    [{ where: "agent.slots_free >= input.least" }, true],
    [{ where: "agent.slots_free > input.least" }, false],
    // An expression that fails is no match.
    [{ where: "agent.labels.region == 'eu'" }, false],
    [{ where: "agent.labels.team" }, false],
    [{ capability: "plan@^2", where: "agent.labels.team == 'b'" }, true],
    [{ capability: "plan@^2", where: "agent.labels.team == 'a'" }, false],
    [{ capability: "plan@no range" }, false],
  ])("%j: %s", (selector, expected) => {
    expect(fits(wanting(selector), LIVE, 2)).toBe(expected);
  });

  test("in one of several versions it offers", () => {
    const capabilities = [
      { name: "plan", version: "1.0.0" },
      { name: "plan", version: "2.0.0" },
    ];
    const agent = { ...LIVE, spec: { ...SPEC, capabilities } };
    expect(fits(wanting({ capability: "plan@^2" }), agent, 1)).toBe(true);
    expect(fits(wanting({ capability: "plan@^1" }), agent, 1)).toBe(true);
  });

  test("without a version of its own an agent reads as an empty one", () => {
    const { version: _, ...spec } = SPEC;
    expect(fits(wanting({ where: "agent.version == ''" }), { ...LIVE, spec }, 1)).toBe(true);
  });

  test("an error of ours is not taken for one of the expression", () => {
    const values = {
      get input(): never {
        throw new Error("broken");
      },
    };
    expect(() => holds("input.n == 1", values)).toThrow("broken");
  });

  test("only where the agent may be handed tasks and has room", () => {
    const any = wanting({ capability: "plan" });
    expect(fits(any, LIVE, 0)).toBe(false);
    expect(fits(any, { ...LIVE, state: "draining" }, 1)).toBe(false);
    expect(fits(any, { ...LIVE, liveness: "suspect" }, 1)).toBe(false);
  });
});

describe("the agent for a task", () => {
  const candidate = (agentId: string, idleSinceMs: number, change: Partial<Agent> = {}) => ({
    agent: { ...LIVE, agentId, ...change },
    slotsFree: 1,
    idleSinceMs,
  });
  const task = wanting({ capability: "plan@^2" });
  const pick = (candidates: readonly Candidate[]) => pickAgent(task, candidates)?.agent.agentId;

  test("is the longest idle of those it fits", () => {
    const old = { spec: { ...SPEC, capabilities: [{ name: "plan", version: "1.0.0" }] } };
    const candidates = [
      candidate("busy", 3),
      candidate("idle", 2),
      candidate("unfit", 1, old),
      { ...candidate("full", 0), slotsFree: 0 },
    ];
    expect(pick(candidates)).toBe("idle");
    expect(pick(candidates.toReversed())).toBe("idle");
    expect(pick([candidate("unfit", 1, old)])).toBeUndefined();
    expect(pick([])).toBeUndefined();
  });
});

describe("the order of tasks", () => {
  const task = (taskId: string, readyAtMs: number, priority = 5) => ({
    taskId,
    readyAtMs,
    priority,
  });
  const order = (...tasks: ReturnType<typeof task>[]) =>
    tasks.toSorted(compareTasks).map(({ taskId }) => taskId);

  test("is by age; a step of priority counts like a minute; equals go by id", () => {
    expect(order(task("b", NOW_MS + 1), task("a", NOW_MS))).toEqual(["a", "b"]);
    expect(order(task("a", NOW_MS), task("b", NOW_MS + 59_999, 6))).toEqual(["b", "a"]);
    expect(order(task("a", NOW_MS), task("b", NOW_MS + 60_001, 6))).toEqual(["a", "b"]);
    expect(order(task("a", NOW_MS, 1), task("b", NOW_MS + 239_999))).toEqual(["b", "a"]);
    expect(order(task("b", NOW_MS), task("a", NOW_MS))).toEqual(["a", "b"]);
    expect(order(task("a", NOW_MS, 6), task("b", NOW_MS + 60_000, 7))).toEqual(["a", "b"]);
    expect(compareTasks(QUEUED, QUEUED)).toBe(0);
  });

  test("is the one in which due items are claimed", () => {
    const readyAtMs = fc.integer({ min: NOW_MS, max: NOW_MS + 600_000 });
    const any = fc.record({ readyAtMs, priority: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(any, any, (a, b) => {
        const byClaim = duePriority(b.readyAtMs, b.priority) - duePriority(a.readyAtMs, a.priority);
        const byOrder = compareTasks({ taskId: "t", ...a }, { taskId: "t", ...b });
        expect(Math.sign(byOrder)).toBe(Math.sign(byClaim));
      }),
    );
  });
});
