import { describe, expect, test } from "vitest";
import { Refused } from "../../src/core/errors.ts";
import type { Json } from "../../src/core/json.ts";
import type { NewRun } from "../../src/core/run.ts";
import { decideRun } from "../../src/core/run-decide.ts";
import { foldRun, runView, traceIdOf } from "../../src/core/run-fold.ts";
import type { Block, Step, StepKind, Template } from "../../src/core/template-types.ts";
import {
  createRig,
  FLAKY,
  fails,
  graph,
  NOW_MS,
  newRun,
  outputOf,
  type Rig,
  sequence,
  set,
  TASK,
  task,
} from "./run-samples.ts";

const CONTEXT = { input: undefined, outputOf: () => undefined, newTaskId: () => "t" };
const LONG = "x".repeat(200 * 1024);

/** What a template does with an input, and with what its tasks answer. */
interface Row {
  readonly about: string;
  readonly main: Block;
  readonly rest?: Partial<Template>;
  readonly input?: Json;
  readonly play?: (rig: Rig) => void;
  readonly states: Readonly<Record<string, string>>;
  readonly run?: string;
  readonly output?: Json;
}

const continued = { onError: "continue" } as const;

const ROWS: readonly Row[] = [
  {
    about: "a sequence starts its first step only",
    main: sequence([task("a"), task("b")]),
    states: { a: "running" },
  },
  {
    about: "a sequence goes on when a step ends",
    main: sequence([task("a"), task("b")]),
    play: (rig) => rig.succeed("a"),
    states: { a: "succeeded", b: "running" },
  },
  {
    about: "a graph starts all that needs nothing",
    main: graph([task("a"), task("b"), task("c", { needs: ["a", "b"] })]),
    play: (rig) => rig.succeed("a"),
    states: { a: "succeeded", b: "running" },
  },
  {
    about: "a graph waits for all that is needed",
    main: graph([task("c", { needs: ["a", "b"] }), task("a"), task("b")]),
    play: (rig) => [rig.succeed("b"), rig.succeed("a")],
    states: { a: "succeeded", b: "succeeded", c: "running" },
  },
  {
    about: "needs are inferred from expressions",
    main: graph([task("b", {}, { inputFrom: "steps.a.output" } as Partial<StepKind>), task("a")]),
    states: { a: "running" },
  },
  {
    about: "set computes at once, also what a later step of the graph makes ready",
    main: graph([set("b", "steps.a.output.v + 1"), set("a", "input.n")]),
    input: { n: 1 },
    states: { a: "succeeded", b: "succeeded" },
    run: "succeeded",
    output: { a: { v: 1 }, b: { v: 2 } },
  },
  {
    about: "a sequence hands on the output of its last step",
    main: sequence([set("a", "1"), set("b", "vars.x")]),
    rest: { vars: { x: 7 } },
    states: { a: "succeeded", b: "succeeded" },
    run: "succeeded",
    output: { v: 7 },
  },
  {
    about: "skipped steps at the end hand on what is before them, recorded or new",
    main: sequence([task("a"), set("b", "1", { condition: "false" })]),
    play: (rig) => rig.succeed("a", { w: 1 }),
    states: { a: "succeeded", b: "skipped" },
    run: "succeeded",
    output: { w: 1 },
  },
  {
    about: "a step whose fallback was all skipped succeeded without an output, and hands on none",
    main: sequence([
      task("a"),
      task("b", { fallback: sequence([set("f", "1", { condition: "false" })]), ...continued }),
      set("c", "1", { condition: "false" }),
    ]),
    play: (rig) => [rig.succeed("a", { w: 1 }), rig.fail("b")],
    states: { a: "succeeded", b: "succeeded", "b/f": "skipped", c: "skipped" },
    run: "succeeded",
  },
  {
    about: "a step without output hands on none",
    main: sequence([task("a")]),
    play: (rig) => rig.succeed("a"),
    states: { a: "succeeded" },
    run: "succeeded",
  },
  {
    about: "a graph hands on a map by id of what has an output",
    main: graph([task("a"), task("b"), set("c", "1", { condition: "false" })]),
    play: (rig) => [rig.succeed("a", [1]), rig.succeed("b")],
    states: { a: "succeeded", b: "succeeded", c: "skipped" },
    run: "succeeded",
    output: { a: [1] },
  },
  {
    about: "a block's output map wins",
    main: sequence([task("a"), task("b")], { output: { x: "steps.a.output.w", now: "now" } }),
    play: (rig) => [rig.succeed("a", { w: 1 }), rig.succeed("b")],
    states: { a: "succeeded", b: "succeeded" },
    run: "succeeded",
    output: { x: 1, now: "2026-01-01T00:00:00.000Z" },
  },
  {
    about: "the template's output map wins over that",
    main: sequence([task("a"), set("b", "1")], { output: { x: "1" } }),
    rest: { output: { y: "steps.a.output.w", by: "steps.a.agent_id", n: "steps.a.attempt" } },
    play: (rig) => rig.succeed("a", { w: 3 }),
    states: { a: "succeeded", b: "succeeded" },
    run: "succeeded",
    output: { y: 3, by: "a1", n: 2 },
  },
  {
    about: "expressions read the run",
    main: sequence([
      set("a", "[run.run_id, run.template_id, run.version, run.labels.team, run.start_time]"),
    ]),
    states: { a: "succeeded" },
    run: "succeeded",
    output: { v: ["r1", "report", "1.0.0", "b", "2026-01-01T00:00:00.000Z"] },
  },
  {
    about: "if false skips, and skipped counts as done",
    main: graph([
      task("a", { condition: "input.go" }),
      set("b", "steps.a.state", { needs: ["a"] }),
    ]),
    input: { go: false },
    states: { a: "skipped", b: "succeeded" },
    run: "succeeded",
    output: { b: { v: "skipped" } },
  },
  {
    about: "if true starts",
    main: sequence([task("a", { condition: "input.go" })]),
    input: { go: true },
    states: { a: "running" },
  },
  {
    about: "on_error continue leaves it failed without output, and the block goes on",
    main: sequence([task("a", continued), set("b", "steps.a.error.reason + steps.a.error.step")]),
    play: (rig) => rig.fail("a"),
    states: { a: "failed", b: "succeeded" },
    run: "succeeded",
    output: { v: "FLAKYa" },
  },
  {
    about: "a fallback runs when the step failed, and its output is the step's",
    main: sequence([
      task("a", { fallback: sequence([task("f")]) }),
      set("b", "[steps.a.output.w, steps.a.state, has(steps.a.error)]"),
    ]),
    play: (rig) => [rig.fail("a"), rig.succeed("a/f", { w: 1 })],
    states: { a: "succeeded", "a/f": "succeeded", b: "succeeded" },
    run: "succeeded",
    output: { v: [1, "succeeded", false] },
  },
  {
    about: "a fallback reads the error, at once and later",
    main: sequence([
      task("a", {
        fallback: sequence([task("f")], {
          output: { e: "error", f: "steps.f.output.w", s: "steps.a.state" },
        }),
      }),
    ]),
    play: (rig) => [rig.fail("a"), rig.succeed("a/f", { w: 1 })],
    states: { a: "succeeded", "a/f": "succeeded" },
    run: "succeeded",
    output: {
      e: {
        reason: "FLAKY",
        message: "again",
        permanent: false,
        details: { n: 1 },
        attempt: 2,
        step: "a",
      },
      f: 1,
      s: "running",
    },
  },
  {
    about: "a fallback that needs no agent ends in the same decision",
    main: graph([fails("a", { fallback: sequence([set("f", "error.message")]) }), task("b")]),
    play: (rig) => rig.succeed("b"),
    states: { a: "succeeded", "a/f": "succeeded", b: "succeeded" },
    run: "succeeded",
    output: { a: { v: "no" } },
  },
  {
    about: "fallbacks nest",
    main: sequence([
      fails("a", {
        fallback: graph([
          task("f", { fallback: sequence([task("g")]) }),
          task("h", { needs: ["f"] }),
        ]),
      }),
    ]),
    play: (rig) => [rig.fail("a/f"), rig.succeed("a/f/g", 1), rig.succeed("a/h", 2)],
    states: { a: "succeeded", "a/f": "succeeded", "a/f/g": "succeeded", "a/h": "succeeded" },
    run: "succeeded",
    output: { f: 1, h: 2 },
  },
  {
    about: "a fallback that fails fails its step, which may be continued",
    main: sequence([
      fails("a", {
        ...continued,
        fallback: graph([fails("g", { needs: ["f"] }), task("f"), task("h")]),
      }),
      task("b"),
    ]),
    play: (rig) => rig.succeed("a/f"),
    states: {
      a: "failed",
      "a/f": "succeeded",
      "a/g": "failed",
      "a/h": "cancelled",
      b: "running",
    },
  },
  {
    about: "a nested fallback that ends its owners moves the block around all of them",
    main: sequence([
      fails("a", {
        ...continued,
        fallback: sequence([fails("f", { fallback: sequence([task("g")]) })]),
      }),
      task("b"),
    ]),
    play: (rig) => rig.fail("a/f/g"),
    states: { a: "failed", "a/f": "failed", "a/f/g": "failed", b: "running" },
  },
  {
    about: "a failure fails the run at once, with all that is open, fallbacks included",
    main: graph([
      task("a"),
      fails("b", { fallback: sequence([task("f"), task("g")]) }),
      task("c", { needs: ["a"] }),
    ]),
    play: (rig) => rig.fail("a"),
    states: { a: "failed", b: "cancelled", "b/f": "cancelled" },
    run: "failed",
  },
  {
    about: "nothing starts after a failure in the same decision",
    main: graph([fails("a"), set("b", "1")]),
    states: { a: "failed" },
    run: "failed",
  },
  {
    about: "a failing expression fails its step",
    main: sequence([set("a", "input.nope", continued), set("b", "steps.a.error.reason")]),
    input: {},
    states: { a: "failed", b: "succeeded" },
    run: "succeeded",
    output: { v: "EXPRESSION" },
  },
  {
    about: "a condition that is no bool fails its step",
    main: sequence([set("a", "1", { condition: "input.n" })]),
    input: { n: 1 },
    states: { a: "failed" },
    run: "failed",
  },
  {
    about: "too large an output fails its step",
    main: sequence([
      {
        id: "a",
        kind: { type: "set", values: { x: "input.s", y: "input.s" } },
        ...continued,
      },
      set("b", "steps.a.error.reason"),
    ]),
    input: { s: LONG },
    states: { a: "failed", b: "succeeded" },
    run: "succeeded",
    output: { v: "TOO_LARGE" },
  },
  {
    about: "too large an input fails its step",
    main: sequence([
      task("a", continued, { input: { x: "input.s", y: "input.s" } } as Partial<StepKind>),
      set("b", "steps.a.error.reason"),
    ]),
    input: { s: LONG },
    states: { a: "failed", b: "succeeded" },
    run: "succeeded",
    output: { v: "TOO_LARGE" },
  },
  {
    about: "a map by id that is too large fails the run",
    main: graph([set("a", "input.s"), set("b", "input.s")]),
    input: { s: LONG },
    states: { a: "succeeded", b: "succeeded" },
    run: "failed",
  },
  {
    about: "a block output that fails fails its owner",
    main: sequence([
      fails("a", {
        ...continued,
        fallback: sequence([task("f")], { output: { x: "steps.f.output.nope" } }),
      }),
      task("b"),
    ]),
    play: (rig) => rig.succeed("a/f", {}),
    states: { a: "failed", "a/f": "succeeded", b: "running" },
  },
  {
    about: "a template output that fails fails the run",
    main: sequence([task("a")]),
    rest: { output: { x: "steps.a.output.nope" } },
    play: (rig) => rig.succeed("a", {}),
    states: { a: "succeeded" },
    run: "failed",
  },
  {
    about: "ids may be names that every object has",
    main: sequence([
      set("constructor", "1"),
      fails("toString", { fallback: sequence([task("valueOf")]) }),
    ]),
    play: (rig) => rig.succeed("toString/valueOf", 1),
    states: { constructor: "succeeded", toString: "succeeded", "toString/valueOf": "succeeded" },
    run: "succeeded",
    output: 1,
  },
  {
    about: "a task that somebody else cancelled is one that failed",
    main: sequence([task("a", continued), task("b")]),
    play: (rig) => rig.drop("a"),
    states: { a: "failed", b: "running" },
  },
  {
    about: "an empty fail message stays empty",
    main: sequence([{ id: "a", kind: { type: "fail", reason: "X" } }]),
    states: { a: "failed" },
    run: "failed",
  },
];

describe("constructs", () => {
  test.each(ROWS)("$about", ({ main, rest, input, play, states, run = "running", output }) => {
    const rig = createRig(main, rest, input === undefined ? {} : { input });
    play?.(rig);
    expect(rig.states()).toEqual(states);
    expect(rig.run.state).toBe(run);
    expect(outputOf(rig)).toEqual(output);
    for (const step of Object.values(rig.run.steps)) expect(step.startedAtMs).toBe(NOW_MS);
  });
});

describe("the task of a step", () => {
  function taskOf(kind: Partial<StepKind>, rest: Partial<Step> = {}, given: Partial<NewRun> = {}) {
    const main = sequence([set("p", "2"), set("q", "3"), task("a", rest, kind)]);
    return createRig(main, {}, { input: { n: 1 }, ...given }).tasks.get("a");
  }

  test("is made of the run, the step and its settings", () => {
    expect(taskOf({}, { timeouts: { totalMs: 90_000 }, retry: { maxAttempts: 9 } })).toEqual({
      taskId: "0193-0000000000000001",
      runId: "r1",
      stepPath: "a",
      templateId: "report",
      templateVersion: "1.0.0",
      labels: { team: "b" },
      taskKey: "r1/a",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-0000000000000001-01",
      selector: { capability: "c@^2" },
      capability: "c",
      values: {},
      priority: 4,
      retry: expect.objectContaining({ maxAttempts: 9 }),
      timeouts: expect.objectContaining({ totalMs: 90_000 }),
      pointer: "/main/steps/2",
    });
  });

  test.each<[string, Partial<StepKind>, Json | undefined]>([
    ["literal", { literal: { a: 1 } } as Partial<StepKind>, { a: 1 }],
    ["input", { input: { b: "input.n + 1" } } as Partial<StepKind>, { b: 2 }],
    ["both: input wins", { literal: { a: 1, b: 1 }, input: { b: "7" } } as never, { a: 1, b: 7 }],
    ["input_from", { inputFrom: "[input.n, steps.p.output.v]" } as Partial<StepKind>, [1, 2]],
    ["nothing", {}, undefined],
  ])("its input: %s", (_, kind, input) => {
    expect(taskOf(kind)?.input).toEqual(input);
  });

  test("its own priority wins", () => {
    expect(taskOf({}, { priority: 9 })?.priority).toBe(9);
  });

  test("may ask for no capability", () => {
    expect(taskOf({ agent: { agentId: "x" } } as Partial<StepKind>)?.capability).toBe("");
  });

  test("keeps what where and retry_if read, and nothing else", () => {
    const agent = { where: "agent.labels.n == string(steps.p.output.v) && input.n == 1" };
    const kind = { agent, input: { q: "steps.q.output" } } as Partial<StepKind>;
    const retry = { retryIf: "error.reason != vars.x" };
    expect(taskOf(kind, { retry })?.values).toEqual({
      input: { n: 1 },
      steps: { p: { state: "succeeded", output: { v: 2 } } },
      vars: {},
    });
  });

  test("a trace context that is none still names a span", () => {
    expect(taskOf({}, {}, { traceparent: "" })?.traceparent).toBe("--0000000000000001-01");
    expect(traceIdOf("")).toBe("");
  });
});

describe("failures", () => {
  test("a message holds values; the pointer names the step", () => {
    const kind: StepKind = { type: "fail", reason: "BAD_INPUT", message: "no ${input.id}" };
    const { run } = createRig(sequence([{ id: "a", kind }]), {}, { input: { id: "x" } });
    const failure = {
      reason: "BAD_INPUT",
      message: "no x",
      permanent: true,
      pointer: "/main/steps/0",
    };
    expect(run).toMatchObject({ state: "failed", failure, steps: { a: { failure } } });
  });

  test("a fallback that fails names what failed first as its cause", () => {
    const rig = createRig(sequence([task("a", { fallback: sequence([task("f")]) })]));
    rig.fail("a");
    expect(rig.run.steps["a"]).toMatchObject({ state: "running", fellBack: true, failure: FLAKY });
    rig.fail("a/f", { reason: "WORSE", message: "worse", pointer: "/x" });
    expect(rig.run.failure).toEqual({
      reason: "WORSE",
      message: "worse",
      pointer: "/x",
      cause: { ...FLAKY, pointer: "/main/steps/0" },
    });
  });

  test("a block's output that fails points to its block", () => {
    const rig = createRig(sequence([task("a")], { output: { x: "steps.a.output.y" } }));
    rig.succeed("a", {});
    expect(rig.run.failure).toMatchObject({
      reason: "EXPRESSION",
      permanent: true,
      pointer: "/main",
    });
  });

  test("a task that failed without saying why", () => {
    const rig = createRig(sequence([task("a")]));
    const taskId = rig.tasks.get("a")?.taskId ?? "";
    const end = { type: "task_ended", stepPath: "a", taskId, state: "failed", attempt: 1 } as const;
    rig.send(end);
    expect(rig.run.failure?.reason).toBe("UNKNOWN");
  });

  test("an open task of a failed block ends at once", () => {
    const rig = createRig(graph([task("a"), task("b")]));
    expect(rig.fail("a").cancels).toEqual([
      { taskId: rig.tasks.get("b")?.taskId, reason: "the run failed: FLAKY" },
    ]);
    const inside = createRig(
      sequence([fails("a", { onError: "continue", fallback: graph([task("f"), task("g")]) })]),
    );
    expect(inside.fail("a/f").cancels).toEqual([
      { taskId: inside.tasks.get("a/g")?.taskId, reason: "step a failed" },
    ]);
    expect(inside.run.state).toBe("succeeded");
  });

  test("an error that is no failure of the template is not swallowed", () => {
    const { plan, run } = createRig(sequence([set("a", "1", { condition: "true" }), task("b")]));
    const broken = () => {
      throw new RangeError("no ids left");
    };
    expect(() =>
      decideRun(
        undefined,
        plan,
        { type: "start", run: newRun() },
        {
          ...CONTEXT,
          nowMs: NOW_MS,
          newTaskId: broken,
        },
      ),
    ).toThrow(RangeError);
    expect(run.state).toBe("running");
  });
});

describe("cancelling", () => {
  test("asks every open task to end, and waits for all of them", () => {
    const rig = createRig(
      graph([task("a"), task("b"), fails("c", { fallback: sequence([task("f")]) })]),
    );
    const { cancels } = rig.cancel(5_000);
    const ids = ["a", "b", "c/f"].map((path) => rig.tasks.get(path)?.taskId);
    expect(cancels).toEqual(
      ids.map((taskId) => ({ taskId, graceMs: 5_000, reason: "not needed" })),
    );
    expect(rig.run).toMatchObject({
      state: "cancelling",
      cancel: { reason: "not needed", graceMs: 5_000 },
    });
    rig.drop("a");
    rig.succeed("b", { too: "late" });
    expect(rig.run.state).toBe("cancelling");
    rig.drop("c/f");
    expect(rig.states()).toEqual({
      a: "cancelled",
      b: "cancelled",
      c: "cancelled",
      "c/f": "cancelled",
    });
    expect(rig.events.at(-1)).toEqual({ type: "cancelled", reason: "not needed" });
    expect(rig.outputs.size).toBe(0);
    expect(rig.run.endedAtMs).toBe(NOW_MS);
  });

  test("twice is once; one that ended cannot be cancelled", () => {
    const rig = createRig(sequence([task("a"), task("b")]));
    rig.cancel();
    expect(rig.cancel(0)).toEqual({ events: [], cancels: [] });
    rig.drop("a");
    expect(rig.run.state).toBe("cancelled");
    expect(() => rig.cancel()).toThrow(
      new Refused({ code: "run_ended", runId: "r1", state: "cancelled" }),
    );
  });

  test("with no open task it ends at once", () => {
    const rig = createRig(sequence([task("a")]));
    const { a: _, ...steps } = rig.run.steps;
    const decision = decideRun(
      { ...rig.run, steps },
      rig.plan,
      { type: "cancel", reason: "x", graceMs: 0 },
      { ...CONTEXT, nowMs: NOW_MS },
    );
    expect(decision.events.map(({ type }) => type)).toEqual(["cancelling", "cancelled"]);
  });

  test("the deadline ends a run that is cancelling too", () => {
    const rig = createRig(sequence([task("a")]));
    rig.cancel(600_000);
    expect(rig.expire().cancels).toEqual([
      { taskId: rig.tasks.get("a")?.taskId, reason: "the run failed: TIMEOUT_RUN" },
    ]);
    expect(rig.run.state).toBe("failed");
  });
});

describe("the deadline", () => {
  test("fails the run and cancels what is open", () => {
    const rig = createRig(
      graph([task("a"), task("b"), fails("c", { fallback: sequence([task("f")]) })]),
    );
    rig.succeed("a", 1);
    const { cancels } = rig.expire();
    expect(rig.run.failure).toMatchObject({
      reason: "TIMEOUT_RUN",
      message: "the run took longer than 60000 ms",
    });
    expect(cancels).toHaveLength(2);
    expect(rig.states()).toEqual({
      a: "succeeded",
      b: "cancelled",
      c: "cancelled",
      "c/f": "cancelled",
    });
    expect(rig.expire().events).toEqual([]);
  });

  test("a timer that fires early does nothing", () => {
    const rig = createRig(sequence([task("a")]));
    rig.nowMs = rig.run.deadlineMs - 1;
    expect(rig.send({ type: "deadline" }).events).toEqual([]);
  });
});

describe("what comes late or twice changes nothing", () => {
  const rig = createRig(
    graph([task("a", { onError: "continue" }), task("b", { fallback: sequence([task("f")]) })]),
  );
  const start = { type: "start", run: newRun() } as const;
  rig.fail("a");
  rig.fail("b");

  test.each([
    ["a second start", () => rig.send(start)],
    ["a step that ended", () => rig.succeed("a", 1)],
    ["a step in its fallback", () => rig.succeed("b", 1)],
    ["a step that never started", () => rig.succeed("constructor", 1)],
    [
      "another task of the step",
      () =>
        rig.send({ type: "task_ended", stepPath: "b/f", taskId: "?", state: "failed", attempt: 1 }),
    ],
  ])("%s", (_, send) => {
    expect(send()).toEqual({ events: [], cancels: [] });
  });

  test("after the run ended", () => {
    rig.succeed("b/f");
    expect(rig.run.state).toBe("succeeded");
    expect(rig.succeed("b/f").events).toEqual([]);
  });

  test("a run that is not there", () => {
    const send = () =>
      decideRun(undefined, rig.plan, { type: "deadline" }, { ...CONTEXT, nowMs: 0 });
    expect(send).toThrow(new Refused({ code: "not_found", what: "run", id: "" }));
    expect(() => foldRun(undefined, [], 0)).toThrow("never started");
  });

  test("an unknown command or event is a bug", () => {
    const nowMs = NOW_MS;
    const wrong = { type: "?" } as never;
    expect(() => decideRun(rig.run, rig.plan, wrong, { ...CONTEXT, nowMs })).toThrow();
    expect(() => foldRun(rig.run, [wrong], nowMs)).toThrow();
  });
});

test("outputs are loaded only where they can be read", () => {
  const rig = createRig(
    sequence([
      task("a"),
      task("b"),
      task("c", {}, { input: { x: "steps.a.output" } } as Partial<StepKind>),
    ]),
  );
  rig.succeed("a", 1);
  rig.succeed("b", 2);
  const loads: string[] = [];
  const taskId = rig.tasks.get("c")?.taskId ?? "";
  const end = { type: "task_ended", stepPath: "c", taskId, state: "failed", attempt: 1 } as const;
  decideRun(rig.run, rig.plan, end, {
    ...CONTEXT,
    nowMs: NOW_MS,
    outputOf: (path) => void loads.push(path),
  });
  expect(loads).toEqual([]);
});

test("filters see what a run is and how it ended", () => {
  const rig = createRig(sequence([task("a")]));
  const base = {
    templateId: "report",
    templateVersion: "1.0.0",
    labels: { team: "b" },
    priority: 4,
    actor: "user:eve",
    traceId: "0af7651916cd43dd8448eb211c80319c",
    createdAtMs: NOW_MS,
  };
  expect(runView(rig.run)).toEqual({ ...base, state: "running" });
  rig.nowMs += 5;
  rig.fail("a");
  expect(runView(rig.run)).toEqual({
    ...base,
    state: "failed",
    endedAtMs: NOW_MS + 5,
    failureReason: "FLAKY",
  });
});

test("a run holds its input nowhere in its state", () => {
  const rig = createRig(sequence([{ id: "a", kind: TASK }]), {}, { input: { secret: 1 } });
  expect(JSON.stringify(rig.run)).not.toContain("secret");
});
