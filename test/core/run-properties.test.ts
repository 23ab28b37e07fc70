import fc from "fast-check";
import { expect, test } from "vitest";
import { limitsWith } from "../../src/core/limits.ts";
import { lookup } from "../../src/core/lookup.ts";
import type { Run, RunContext, RunEvent, RunState, StepState } from "../../src/core/run.ts";
import { decideRun } from "../../src/core/run-decide.ts";
import { evolveRun, foldRun } from "../../src/core/run-fold.ts";
import { outputsNeeded } from "../../src/core/run-needs.ts";
import { RUN_MOVES, STEP_MOVES } from "../../src/core/run-states.ts";
import { checkTemplate } from "../../src/core/template.ts";
import type { Block, Step } from "../../src/core/template-types.ts";
import { createRig, type Rig, TASK } from "./run-samples.ts";

const ENDED: readonly (StepState | RunState)[] = ["succeeded", "failed", "cancelled", "skipped"];
const RUNS = 100;

/** Steps before ids are given and needs are made possible. */
interface Drawn {
  readonly kind: "task" | "set" | "read" | "fail" | "broken";
  readonly needs: readonly number[];
  readonly condition: "true" | "false" | undefined;
  readonly continues: boolean;
  readonly fallback: DrawnBlock | undefined;
}

interface DrawnBlock {
  readonly mode: "sequence" | "graph";
  readonly backwards: boolean;
  readonly steps: readonly Drawn[];
}

const { main } = fc.letrec<{ main: DrawnBlock; step: Drawn }>((tie) => ({
  main: fc.record({
    mode: fc.constantFrom("sequence", "graph"),
    backwards: fc.boolean(),
    steps: fc.array(tie("step"), { minLength: 1, maxLength: 6 }),
  }),
  step: fc.record({
    kind: fc.constantFrom("task", "task", "task", "set", "read", "fail", "broken"),
    needs: fc.array(fc.nat(), { maxLength: 3 }),
    condition: fc.constantFrom(undefined, undefined, undefined, "true", "false"),
    continues: fc.boolean(),
    fallback: fc.option(tie("main"), { nil: undefined, maxDepth: 2, depthSize: "small" }),
  }),
}));

function blockOf(drawn: DrawnBlock, prefix: string): Block {
  const steps = drawn.steps.map((one, index) => stepOf(one, index, drawn, prefix));
  const isGraph = drawn.mode === "graph";
  return { mode: drawn.mode, steps: isGraph && drawn.backwards ? steps.toReversed() : steps };
}

function stepOf(drawn: Drawn, index: number, block: DrawnBlock, prefix: string): Step {
  const { kind, needs, condition, continues, fallback } = drawn;
  const id = `${prefix}${index}`;
  const earlier = index === 0 ? [] : needs.map((n) => `${prefix}${n % index}`);
  const read = earlier.at(0);
  return {
    id,
    ...(block.mode === "graph" && { needs: [...new Set(earlier)] }),
    ...(condition !== undefined && { condition }),
    ...(continues && fallback === undefined && { onError: "continue" }),
    ...(fallback !== undefined && { fallback: blockOf(fallback, `${id}x`) }),
    kind: {
      task: TASK,
      set: { type: "set" as const, values: { v: "1" } },
      read: {
        type: "set" as const,
        values: { v: read ? `has(steps.${read}.output) ? steps.${read}.output : null` : "now" },
      },
      fail: { type: "fail" as const, reason: "NO" },
      broken: { type: "set" as const, values: { v: "input.nope" } },
    }[kind],
  };
}

/** What happens next: which open task, and how it ends; or something to the run as a whole. */
const happening = fc.record({
  which: fc.nat(),
  what: fc.oneof(
    { weight: 12, arbitrary: fc.constant("succeed" as const) },
    { weight: 6, arbitrary: fc.constant("fail" as const) },
    { weight: 1, arbitrary: fc.constant("cancel" as const) },
    { weight: 1, arbitrary: fc.constant("expire" as const) },
    { weight: 2, arbitrary: fc.constant("repeat" as const) },
  ),
});
const story = fc.record({
  main: main.map((drawn) => blockOf(drawn, "s")),
  happenings: fc.array(happening, { maxLength: 40 }),
});

function openTasks({ run }: Rig): readonly string[] {
  return Object.entries(run.steps)
    .filter(([, { state, taskId, fellBack }]) => state === "running" && taskId && !fellBack)
    .map(([path]) => path);
}

/** Plays a story to its end; after it, every open task ends. */
function play({ main, happenings }: { main: Block; happenings: readonly Happening[] }): Rig {
  const rig = createRig(main);
  for (const { which, what } of happenings) {
    rig.nowMs += 1;
    const open = openTasks(rig);
    const path = open[which % Math.max(1, open.length)];
    if (path !== undefined) happen(rig, path, what);
  }
  for (let [path] = openTasks(rig); path !== undefined; [path] = openTasks(rig)) {
    happen(rig, path, "succeed");
  }
  return rig;
}

function happen(rig: Rig, path: string, what: Happening["what"]): void {
  if (what === "cancel") rig.cancel(0);
  else if (what === "expire") rig.expire();
  else if (rig.run.state === "cancelling") rig.drop(path);
  else if (what === "fail") rig.fail(path);
  else rig.succeed(path, path);
  if (what === "repeat") {
    expect(rig.succeed(path, path)).toEqual({ events: [], cancels: [] });
  }
}

type Happening = {
  readonly which: number;
  readonly what: "succeed" | "fail" | "cancel" | "expire" | "repeat";
};

function verify(check: (rig: Rig, main: Block) => void): void {
  fc.assert(
    fc.property(story, (told) => check(play(told), told.main)),
    { numRuns: RUNS },
  );
}

/** One event, with the run before and after it. */
interface Move {
  readonly before: Run | undefined;
  readonly event: RunEvent;
  readonly after: Run;
}

function movesOf({ events }: Rig): readonly Move[] {
  let run: Run | undefined;
  return events.map((event) => {
    const before = run;
    run = evolveRun(run, event, 0);
    return { before, event, after: run };
  });
}

/** Changes of state as `from to`, of the run or of its steps. */
function changesOfRun({ before, after }: Move): readonly string[] {
  return before === undefined || before.state === after.state
    ? []
    : [`${before.state} ${after.state}`];
}

function changesOfSteps({ before, after }: Move): readonly string[] {
  return Object.entries(after.steps)
    .filter(([path, step]) => before?.steps[path] !== step)
    .map(([path, { state }]) => `${before?.steps[path]?.state ?? "pending"} ${state}`);
}

function changesIn(table: Readonly<Record<string, readonly string[]>>): readonly string[] {
  return Object.entries(table).flatMap(([from, all]) => all.map((to) => `${from} ${to}`));
}

test("the drawn templates pass the check", () => {
  const limits = limitsWith();
  fc.assert(
    fc.property(story, ({ main }) => {
      const { diagnostics } = checkTemplate({ templateId: "t", version: "1.0.0", main }, limits);
      expect(diagnostics).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});

test("every run ends when its tasks end, and leaves nothing open", () => {
  verify(({ run, events }) => {
    expect(ENDED).toContain(run.state);
    expect(Object.values(run.steps).filter(({ state }) => !ENDED.includes(state))).toEqual([]);
    const ends = events.filter(({ type }) => ["succeeded", "failed", "cancelled"].includes(type));
    expect(ends).toEqual([events.at(-1)]);
  });
});

test("a run that succeeded left no step out", () => {
  verify(({ run, plan }) => {
    if (run.state !== "succeeded") return;
    for (const { path } of plan.main.steps) expect(ENDED).toContain(run.steps[path]?.state);
  });
});

test("no step begins before all it waits for has ended, or in a run that ends", () => {
  verify((rig) => {
    for (const { before, event } of movesOf(rig)) {
      if (!("stepPath" in event) || before?.steps[event.stepPath] !== undefined) continue;
      const step = lookup(rig.plan.steps, event.stepPath);
      const { owner } = lookup(rig.plan.blocks, step.block);
      const waitedFor = step.after.map((path) => before?.steps[path]?.state ?? "pending");
      expect(before?.state).toBe("running");
      expect(ENDED).toEqual(expect.arrayContaining(waitedFor));
      if (owner === undefined) continue;
      expect(before?.steps[owner]).toMatchObject({ state: "running", fellBack: true });
    }
  });
});

test("only a condition skips a step", () => {
  verify(({ events, plan }) => {
    for (const event of events) {
      if (event.type !== "step_ended" || event.to !== "skipped") continue;
      expect(plan.steps.get(event.stepPath)?.condition).toBe("false");
    }
  });
});

test("runs and steps move along their tables, and entries name the move", () => {
  verify((rig) => {
    const moves = movesOf(rig);
    expect(changesIn(RUN_MOVES)).toEqual(expect.arrayContaining(moves.flatMap(changesOfRun)));
    expect(changesIn(STEP_MOVES)).toEqual(expect.arrayContaining(moves.flatMap(changesOfSteps)));
    for (const move of moves) {
      if (move.event.type !== "step_ended") continue;
      expect(changesOfSteps(move)).toEqual([`${move.event.from} ${move.event.to}`]);
    }
  });
});

test("every move of the tables happens", () => {
  const seenOfRun = new Set<string>();
  const seenOfSteps = new Set<string>();
  fc.assert(
    fc.property(story, (told) => {
      const moves = movesOf(play(told));
      for (const change of moves.flatMap(changesOfRun)) seenOfRun.add(change);
      for (const change of moves.flatMap(changesOfSteps)) seenOfSteps.add(change);
    }),
    // The same stories each time: whether the rarest move is among them is not left to chance.
    { numRuns: 400, seed: 1 },
  );
  expect([...seenOfRun].sort()).toEqual([...changesIn(RUN_MOVES)].sort());
  expect([...seenOfSteps].sort()).toEqual([...changesIn(STEP_MOVES)].sort());
});

test("the state is what its events fold to, and every open task was asked to end", () => {
  verify(({ events, run, decisions, tasks }) => {
    const bare = (one: Run) => JSON.parse(JSON.stringify(one).replaceAll(/AtMs":\d+/g, 'AtMs":0'));
    expect(bare(foldRun(undefined, events, 0))).toEqual(bare(run));
    const asked = new Set(decisions.flatMap(({ cancels }) => cancels.map(({ taskId }) => taskId)));
    for (const [path, { taskId }] of tasks) {
      const step = run.steps[path];
      const isDropped = step?.state === "cancelled" && step.fellBack !== true;
      if (isDropped) expect(asked).toContain(taskId);
    }
  });
});

test("the same story gives the same events", () => {
  fc.assert(
    fc.property(story, (told) => {
      expect(play(told).events).toEqual(play(told).events);
    }),
    { numRuns: RUNS },
  );
});

test("a decision misses no output that was not loaded", () => {
  verify((rig) => {
    let run: Run | undefined;
    for (const { events } of rig.decisions) {
      const [path] = events.flatMap((event) => ("attempt" in event ? [event.stepPath] : []));
      if (run !== undefined && path !== undefined) compareLoads(rig, run, path);
      run = events.length === 0 ? run : foldRun(run, events, 0);
    }
  });
});

/** The end of a step's task, decided with all outputs and with those that are needed. */
function compareLoads({ plan, outputs }: Rig, run: Run, stepPath: string): void {
  const taskId = run.steps[stepPath]?.taskId ?? "";
  const end = { type: "task_ended", stepPath, taskId, attempt: 1 } as const;
  for (const state of ["succeeded", "failed"] as const) {
    const command = { ...end, state };
    const needed = new Set(outputsNeeded(run, plan, command));
    const decide = (outputOf: RunContext["outputOf"]) =>
      decideRun(run, plan, command, { nowMs: 0, input: {}, outputOf, newTaskId: () => "t" });
    const all = decide((path) => outputs.get(path));
    expect(decide((path) => (needed.has(path) ? outputs.get(path) : undefined))).toEqual(all);
  }
}
