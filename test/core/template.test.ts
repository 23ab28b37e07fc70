import { describe, expect, test } from "vitest";
import { kindExpressions } from "../../src/core/blocks/kind.ts";
import { limitsWith } from "../../src/core/limits.ts";
import { lookup } from "../../src/core/lookup.ts";
import { nearest } from "../../src/core/nearest.ts";
import { planTemplate } from "../../src/core/plan-template.ts";
import { checkTemplate } from "../../src/core/template.ts";
import type { Block, Step, StepKind, Template } from "../../src/core/template-types.ts";

const LIMITS = limitsWith();
const TASK: StepKind = { type: "task", agent: { capability: "c" } };

function template(main: Block, rest: Partial<Template> = {}): Template {
  return { templateId: "t", version: "1.0.0", main, ...rest };
}

function set(id: string, value: string, rest: Partial<Step> = {}): Step {
  return { id, kind: { type: "set", values: { v: value } }, ...rest };
}

function codes(checked: Template): readonly string[] {
  return checkTemplate(checked, LIMITS).diagnostics.map((one) => `${one.code} ${one.pointer}`);
}

const NESTED = template(
  {
    mode: "graph",
    steps: [
      { id: "a", kind: TASK, needs: ["c"], retry: { maxAttempts: 2 } },
      {
        id: "b",
        kind: { type: "task", agent: { where: "steps.a.output.x == agent.version" } },
        timeouts: { totalMs: 60_000, queuedMs: 1_000 },
        priority: 3,
        fallback: {
          steps: [
            set("d", "steps.c.output.v"),
            { id: "e", kind: TASK, condition: "steps.d.output.v == 1", onError: "continue" },
          ],
          output: { x: "steps.d.output.v + steps.f.output.v" },
        },
      },
      set("c", "1"),
      set("f", "2"),
    ],
    output: { y: "steps.b.output.x" },
  },
  {
    output: { z: "steps.f.output.v" },
    defaults: {
      retry: { maxAttempts: 7, retryIf: "error.permanent" },
      timeouts: { queuedMs: 5_000 },
    },
  },
);

describe("the plan", () => {
  const plan = planTemplate(NESTED);

  test("finds every step by path and by id", () => {
    expect([...plan.steps.keys()].sort()).toEqual(["a", "b", "b/d", "b/e", "c", "f"]);
    expect(Object.fromEntries(plan.paths)).toEqual({
      a: "a",
      b: "b",
      c: "c",
      d: "b/d",
      e: "b/e",
      f: "f",
    });
    expect([...plan.blocks.keys()].sort()).toEqual(["", "b/"]);
    expect(plan.main.steps.map((step) => step.path)).toEqual(["a", "b", "c", "f"]);
  });

  test("says what each step waits for and reads, its fallback included", () => {
    const seen = [...plan.steps.values()].map(({ path, after, reads }) => [path, after, reads]);
    expect(Object.fromEntries(seen.map(([path, ...rest]) => [path, rest]))).toEqual({
      a: [["c"], []],
      b: [
        ["a", "c", "f"],
        ["a", "c", "b/d", "f"],
      ],
      "b/d": [[], ["c"]],
      "b/e": [["b/d"], ["b/d"]],
      c: [[], []],
      f: [[], []],
    });
    expect(lookup(plan.blocks, "b/").outputReads).toEqual(["b/d", "f"]);
    expect(plan.main.outputReads).toEqual(["b"]);
    expect(plan.outputReads).toEqual(["f"]);
    expect(plan.output).toEqual({ z: "steps.f.output.v" });
  });

  test("knows where things stand", () => {
    expect(lookup(plan.blocks, "b/")).toMatchObject({
      owner: "b",
      pointer: "/main/steps/1/fallback",
      scope: "fallback",
      mode: "sequence",
    });
    expect(plan.main).toMatchObject({ path: "", pointer: "/main", scope: "main", mode: "graph" });
    expect(plan.main).not.toHaveProperty("owner");
    expect(lookup(plan.steps, "b/e")).toMatchObject({
      id: "e",
      block: "b/",
      pointer: "/main/steps/1/fallback/steps/1",
      condition: "steps.d.output.v == 1",
      onError: "continue",
    });
    expect(lookup(plan.steps, "b").fallback).toBe("b/");
  });

  test("has every default applied, field by field", () => {
    expect(lookup(plan.steps, "a")).toMatchObject({
      retry: {
        maxAttempts: 2,
        initialDelayMs: 1_000,
        multiplier: 2,
        maxDelayMs: 300_000,
        retryIf: "error.permanent",
      },
      timeouts: { attemptMs: 300_000, queuedMs: 5_000 },
      onError: "fail",
    });
    expect(lookup(plan.steps, "a")).not.toHaveProperty("priority");
    expect(lookup(plan.steps, "b")).toMatchObject({
      retry: { maxAttempts: 7 },
      timeouts: { attemptMs: 60_000, queuedMs: 1_000, totalMs: 60_000 },
      priority: 3,
    });
  });

  test("needs a template that was checked", () => {
    expect(() => planTemplate(template({ steps: [{ id: "a" }] }))).toThrow("does nothing");
    expect(() => planTemplate(template({ steps: [set("a", "steps.b.output")] }))).toThrow("b");
  });
});

describe("bounds", () => {
  const bounded = (main: Block, rest: Partial<Template> = {}) =>
    checkTemplate(template(main, rest), LIMITS).bounds;
  const task = (id: string, rest: Partial<Step> = {}): Step => ({
    id,
    kind: TASK,
    retry: { maxAttempts: 3, initialDelayMs: 10, multiplier: 10, maxDelayMs: 60 },
    timeouts: { queuedMs: 100, attemptMs: 1_000 },
    ...rest,
  });
  // 3 attempts of 1,100 ms, delays of 10 and 60 ms.
  const TASK_MS = 3_370;

  test("a sequence adds up; only tasks cost", () => {
    const fail: Step = { id: "c", kind: { type: "fail", reason: "X" }, condition: "false" };
    expect(bounded({ steps: [task("a"), set("b", "1"), fail, task("d")] })).toEqual({
      tasks: 2,
      attempts: 6,
      timeMs: 2 * TASK_MS,
    });
  });

  test("a graph takes as long as its longest path", () => {
    const steps = [
      task("d", { needs: ["b", "c"] }),
      task("b", { needs: ["a"] }),
      task("a"),
      task("c"),
    ];
    expect(bounded({ mode: "graph", steps })).toEqual({
      tasks: 4,
      attempts: 12,
      timeMs: 3 * TASK_MS,
    });
  });

  test("a fallback comes on top", () => {
    const steps = [task("a", { fallback: { steps: [task("b"), task("c")] } })];
    expect(bounded({ steps })).toEqual({ tasks: 3, attempts: 9, timeMs: 3 * TASK_MS });
  });

  test("`total` ends a task before its attempts do, also one that may wait for ever", () => {
    const timeouts = { totalMs: 2_000, attemptMs: 1_000 };
    expect(bounded({ steps: [task("a", { timeouts })] })?.timeMs).toBe(2_000);
  });

  test("without a bound on the wait there is none on the time", () => {
    const steps = [task("a"), task("b", { timeouts: {} })];
    expect(bounded({ steps })).toEqual({ tasks: 2, attempts: 6 });
  });

  test("no run takes longer than its timeout", () => {
    expect(bounded({ steps: [task("a")] }, { timeoutMs: 500 })?.timeMs).toBe(500);
  });
});

describe("templates that came as messages", () => {
  test("durations have no fractions of milliseconds", () => {
    expect(codes(template({ steps: [set("a", "1")] }, { timeoutMs: 0.5 }))).toEqual([
      "VALUE_OUT_OF_RANGE /timeout",
    ]);
  });

  test("numbers that JSON lacks, deep constants and strange names are refused", () => {
    const steps: readonly Step[] = [
      {
        id: "a",
        kind: {
          type: "task",
          agent: { agentId: "x".repeat(129) },
          literal: { n: Number.NaN, "": 1, __proto__: 1, "a\u0000": [true, null, "\ud800"] },
          input: { ["x".repeat(129)]: "1" },
        },
      },
    ];
    const labels = { "tab\t": "x" };
    expect(codes(template({ steps }, { labels, output: { "": "1" } }))).toMatchObject([
      "KEY_INVALID /labels/tab\t",
      "LIMIT_EXCEEDED /main/steps/0/task/agent/agent_id",
      "KEY_INVALID /main/steps/0/task/literal/",
      "KEY_INVALID /main/steps/0/task/literal/a\u0000",
      "VALUE_OUT_OF_RANGE /main/steps/0/task/literal/n",
      "TEXT_INVALID /main/steps/0/task/literal/a\u0000/2",
      `KEY_INVALID /main/steps/0/task/input/${"x".repeat(129)}`,
      "KEY_INVALID /output/",
    ]);
  });

  test("what is far too large is refused before anything else is looked at", () => {
    let deep: Block = { steps: [] };
    for (let level = 0; level < 5_000; level++) deep = { steps: [{ id: "", fallback: deep }] };
    expect(codes(template(deep))).toEqual(["LIMIT_EXCEEDED "]);
    const title = "x".repeat(LIMITS.template_canonical_bytes);
    expect(codes(template({ steps: [] }, { title }))).toEqual(["LIMIT_EXCEEDED "]);
  });

  test("fields with an expression are counted wherever they are", () => {
    const fields = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, "1"]));
    const most = LIMITS.template_fields;
    const inner: Block = { steps: [], output: fields(1) };
    const task = { type: "task", agent: { capability: "c" }, input: fields(1) } as const;
    const steps: Step[] = [
      { id: "a", kind: { type: "set", values: fields(1) }, fallback: inner },
      { id: "b", kind: task },
    ];
    const past = codes(template({ steps, output: fields(1) }, { output: fields(most - 3) }));
    expect(past).toEqual(["LIMIT_EXCEEDED "]);
    const at = codes(template({ steps, output: fields(1) }, { output: fields(most - 4) }));
    expect(at).not.toContain("LIMIT_EXCEEDED ");
  });

  test("at most 100 findings", () => {
    const steps = Array.from({ length: 200 }, (_, i) => set(`s${i}`, "nothing"));
    expect(codes(template({ steps, output: { x: "nothing" } }))).toHaveLength(100);
    const output = Object.fromEntries(steps.map(({ id }) => [id, "nothing"]));
    expect(codes(template({ steps: [set("a", "1")], output }))).toHaveLength(100);
    const values = Object.fromEntries(steps.map(({ id }) => [id, "nothing"]));
    expect(codes(template({ steps: [{ id: "a", kind: { type: "set", values } }] }))).toHaveLength(
      100,
    );
    const vars = { x: Array<string>(200).fill("\0") };
    expect(codes(template({ steps: [set("a", "1")] }, { vars }))).toHaveLength(100);
  });
});

test("findings say what was probably meant, and where in the expression it stands", () => {
  const main: Block = {
    mode: "graph",
    steps: [
      set("plan", "siz(inptu)"),
      set("b", "1 + steps.plam.output", { needs: ["plann"] }),
      set("d", "steps.quite_another.output"),
    ],
  };
  const { diagnostics } = checkTemplate(template(main), LIMITS);
  expect(diagnostics.map(({ message: _, error: __, ...rest }) => rest)).toEqual([
    {
      code: "EXPRESSION_FUNCTION",
      pointer: "/main/steps/0/set/values/v",
      range: { start: 0, end: 3 },
      suggestion: "size",
    },
    {
      code: "NAME_UNKNOWN",
      pointer: "/main/steps/0/set/values/v",
      range: { start: 4, end: 9 },
      suggestion: "input",
    },
    { code: "REFERENCE_UNKNOWN", pointer: "/main/steps/1/needs/0", suggestion: "plan" },
    {
      code: "REFERENCE_UNKNOWN",
      pointer: "/main/steps/1/set/values/v",
      range: { start: 4, end: 21 },
      suggestion: "plan",
    },
    {
      code: "REFERENCE_UNKNOWN",
      pointer: "/main/steps/2/set/values/v",
      range: { start: 0, end: 26 },
    },
  ]);
});

test("a circle is told step by step, and a bystander is not part of it", () => {
  const main: Block = {
    mode: "graph",
    steps: [
      set("x", "1", { needs: ["a"] }),
      set("a", "1", { needs: ["b"] }),
      set("b", "steps.c.output"),
      set("c", "1", { needs: ["a", "x"] }),
    ],
  };
  expect(checkTemplate(template(main), LIMITS).diagnostics).toMatchObject([
    {
      code: "CYCLE",
      pointer: "/main/steps/1",
      message: expect.stringContaining("a -> b -> c -> a"),
    },
  ]);
});

test("a kind of step that the types do not have is a bug", () => {
  const kind = { type: "dance" } as unknown as StepKind;
  expect(() => checkTemplate(template({ steps: [{ id: "a", kind }] }), LIMITS)).toThrow("dance");
  expect(() => kindExpressions(kind, "")).toThrow("dance");
});

test("the nearest word is a slip away, not another word", () => {
  expect(nearest("plam", ["plane", "plan", "x"])).toBe("plan");
  expect(nearest("x", ["yy", "abc"])).toBeUndefined();
  expect(nearest("retri_if", ["retry", "retry_if"])).toBe("retry_if");
  expect(nearest("anything", [])).toBeUndefined();
});

test("what must be there is there, or it is a bug", () => {
  expect(lookup(new Map([["a", 1]]), "a")).toBe(1);
  expect(() => lookup(new Map(), "a")).toThrow("nothing is kept for a");
});
