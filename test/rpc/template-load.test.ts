import { readFileSync } from "node:fs";
import { create, equals, fromJson, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type WorkflowTemplate, WorkflowTemplateSchema } from "../../gen/opscore/v1/template_pb.ts";
import { TemplateSourceSchema } from "../../gen/opscore/v1/workflow_pb.ts";
import { limitsWith } from "../../src/core/limits.ts";
import { planTemplate } from "../../src/core/plan-template.ts";
import { fromTemplate, toTemplate } from "../../src/rpc/convert-template.ts";
import { type LoadedTemplate, loadTemplate } from "../../src/rpc/load-template.ts";

const LIMITS = limitsWith();
const HEAD = { template_id: "t", version: "1.0.0" };

function loadText(text: string): Promise<LoadedTemplate> {
  const source = create(TemplateSourceSchema, { source: { case: "text", value: text } });
  return loadTemplate(source, LIMITS);
}

function loadMessage(message: WorkflowTemplate): Promise<LoadedTemplate> {
  const source = create(TemplateSourceSchema, { source: { case: "template", value: message } });
  return loadTemplate(source, LIMITS);
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

describe("examples", () => {
  test.each(["hello", "graph", "fallback", "primes"])("%s has no findings", async (name) => {
    const { diagnostics, template } = await loadText(read(`examples/templates/${name}.yaml`));
    expect(diagnostics).toEqual([]);
    expect(template).toBeDefined();
  });

  test("the one in the documentation is the example, with the bounds it tells", async () => {
    const example = read("examples/templates/graph.yaml").replace(/^#.*\n/, "");
    expect(read("docs/templates.md")).toContain(`\`\`\`yaml\n${example}\`\`\``);
    const { bounds, template } = await loadText(example);
    expect(bounds).toEqual({ tasks: 3, attempts: 9, timeMs: ((1 * 60 + 6) * 60 + 3) * 1_000 });
    expect(template && planTemplate(template).main.steps[0]?.after).toEqual(["north", "south"]);
  });

  test("the finding in the documentation is one", async () => {
    const example = read("examples/templates/graph.yaml").replace(/^#.*\n/, "");
    const broken = example.replace("[steps.north", "[steps.nort");
    const [found, ...others] = (await loadText(broken)).diagnostics;
    const { code, pointer, line, column, message, suggestion } = found ?? {};
    expect(others).toEqual([]);
    expect(read("docs/templates.md")).toContain(
      `${code} ${pointer} ${line}:${column}\n${message} (suggestion: ${suggestion})`,
    );
  });
});

describe("messages", () => {
  test("are equal after a way through the core", async () => {
    for (const name of ["hello", "graph", "fallback"]) {
      const { message } = await loadText(read(`examples/templates/${name}.yaml`));
      if (message === undefined) throw new Error("the example cannot be read");
      const back = toTemplate(fromTemplate(message));
      expect(equals(WorkflowTemplateSchema, back, message)).toBe(true);
      expect(await loadMessage(back)).toEqual(await loadMessage(message));
    }
  });

  test("with every field are equal too, and pass", async () => {
    const message = fromJson(WorkflowTemplateSchema, EVERYTHING);
    const { diagnostics, template } = await loadMessage(message);
    expect(diagnostics).toEqual([]);
    expect(template).toEqual(fromTemplate(message));
    const back = toTemplate(fromTemplate(message));
    expect(toJson(WorkflowTemplateSchema, back)).toEqual(toJson(WorkflowTemplateSchema, message));
    expect(equals(WorkflowTemplateSchema, back, message)).toBe(true);
  });

  test("and texts that say the same are the same", async () => {
    const text = await loadText(JSON.stringify(EVERYTHING));
    expect(text.diagnostics).toEqual([]);
    const message = fromJson(WorkflowTemplateSchema, EVERYTHING);
    expect(text.message).toEqual(message);
    expect(text.template).toEqual(fromTemplate(message));
  });

  test("have pointers in the names of the contract, and no lines", async () => {
    const message = fromJson(WorkflowTemplateSchema, {
      ...HEAD,
      main: { steps: [{ id: "a", if: "foo", task: {} }] },
    });
    const { diagnostics } = await loadMessage(message);
    expect(diagnostics.map(({ code, pointer, line }) => [code, pointer, line])).toEqual([
      ["SELECTOR_EMPTY", "/main/steps/0/task/agent", undefined],
      ["NAME_UNKNOWN", "/main/steps/0/if", undefined],
    ]);
  });

  test("with unknown enum values are refused, not read as the default", async () => {
    for (const main of [{ mode: 9 }, { steps: [{ id: "a", onError: 9 }] }]) {
      const message = create(WorkflowTemplateSchema, { main: main as never });
      await expect(loadMessage(message)).rejects.toMatchObject({
        refusal: { code: "invalid_field" },
      });
    }
  });

  test("with what JSON lacks are refused", async () => {
    const message = create(WorkflowTemplateSchema, {
      templateId: "t",
      version: "1.0.0",
      vars: {
        nothing: { kind: { case: undefined } },
        nan: { kind: { case: "numberValue", value: Number.NaN } },
      },
      main: { steps: [{ id: "a", kind: { case: "set", value: {} } }] },
      timeout: { seconds: 1n, nanos: 1 },
    });
    const { diagnostics } = await loadMessage(message);
    expect(diagnostics.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      "VALUE_OUT_OF_RANGE /vars/nan",
      "VALUE_OUT_OF_RANGE /timeout",
    ]);
  });

  test("that are nested without end are refused", async () => {
    let message = create(WorkflowTemplateSchema, { main: {} });
    for (let level = 0; level < 20_000; level++) {
      const fallback = message.main;
      if (fallback === undefined) throw new Error("no block");
      message = create(WorkflowTemplateSchema, {});
      message.main = { $typeName: "opscore.v1.Block", mode: 0, output: {}, steps: [] };
      message.main.steps.push({
        $typeName: "opscore.v1.Step",
        ...{ id: "a", title: "", needs: [], condition: "", priority: 0, onError: 0 },
        fallback,
        kind: { case: undefined },
      });
    }
    expect((await loadMessage(message)).diagnostics).toMatchObject([{ code: "LIMIT_EXCEEDED" }]);
  });

  test("that are not there are refused", async () => {
    const source = create(TemplateSourceSchema, {});
    await expect(loadTemplate(source, LIMITS)).rejects.toMatchObject({
      refusal: { code: "invalid_field", pointer: "/source" },
    });
  });
});

describe("bombs", () => {
  test("10 MB of text is refused before it is read", async () => {
    await expect(loadText("a: 1\n".repeat(2_000_000))).rejects.toMatchObject({
      refusal: { code: "too_large", name: "template_source_bytes", actual: 10_000_000 },
    });
  });

  test("2,000 steps are one finding", async () => {
    const steps = Array.from({ length: 2_000 }, (_, i) => `{id: s${i}}`);
    const { diagnostics } = await loadText(
      `template_id: t\nversion: 1.0.0\nmain: {steps: [${steps}]}`,
    );
    expect(diagnostics).toMatchObject([{ code: "LIMIT_EXCEEDED", pointer: "/main", line: 3 }]);
  });

  test("a pattern that would explode runs in linear time, so it is no bomb", async () => {
    const step = `{id: a, set: {values: {x: "input.x.matches('(a+)+$')"}}}`;
    const { diagnostics } = await loadText(
      `template_id: t\nversion: 1.0.0\nmain: {steps: [${step}]}`,
    );
    expect(diagnostics).toEqual([]);
  });

  test("findings are at most 100, in the order of the text", async () => {
    const steps = Array.from({ length: 150 }, (_, i) => `\n  - {id: s${i}, set: {values: {x: y}}}`);
    const text = `template_id: t\nversion: 1.0.0\nmain:\n  steps:${steps.join("")}\nunknown: 1\n`;
    const { diagnostics } = await loadText(text);
    expect(diagnostics).toHaveLength(100);
    expect(diagnostics.map(({ line }) => line)).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 5),
    );
  });
});

describe("whatever comes in", () => {
  const words = [
    ...["template_id", "templateId", "version", "main", "steps", "id", "if", "task", "agent"],
    ...["capability", "where", "literal", "input", "input_from", "set", "values", "fail", "reason"],
    ...["message", "fallback", "needs", "mode", "retry", "max_attempts", "timeouts", "attempt"],
    ...["output", "vars", "labels", "defaults", "priority", "timeout", "on_error", "__proto__"],
  ];
  const scalars = fc.oneof(
    fc.constantFrom("a", "b", "1.0.0", "graph", "5m", "steps.a.output", "${a", "size(", "1 + 1"),
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.integer({ min: -1, max: 11 }),
  );
  const { value: json } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 8 }, scalars, tie("list"), tie("map"), tie("step"), tie("block")),
    list: fc.array(tie("value"), { maxLength: 4 }),
    map: fc.dictionary(fc.constantFrom(...words), tie("value"), { maxKeys: 6 }),
    block: fc.record(
      { mode: scalars, steps: tie("list"), output: tie("map") },
      { requiredKeys: ["steps"] },
    ),
    step: fc.record(
      { id: scalars, if: scalars, task: tie("map"), set: tie("map"), fallback: tie("block") },
      { requiredKeys: ["id"] },
    ),
  }));

  test("is loaded or refused with diagnostics, never thrown at the caller", async () => {
    const document = fc.oneof(
      json,
      fc.record({ template_id: scalars, version: scalars, main: json, output: json, vars: json }),
    );
    await fc.assert(
      fc.asyncProperty(document, async (value) => {
        const { diagnostics, template } = await loadText(JSON.stringify(value));
        expect(diagnostics.length <= 100).toBe(true);
        expect(template === undefined).toBe(diagnostics.some(({ error }) => error));
        for (const { line, column, pointer } of diagnostics) {
          expect(line).toBeGreaterThan(0);
          expect(column).toBeGreaterThan(0);
          expect(pointer).toMatch(/^(\/.*)?$/s);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("also text that is no JSON", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), async (text) => {
        expect((await loadText(text)).template).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

const EVERYTHING = {
  ...HEAD,
  title: "Everything",
  description: "All fields there are",
  labels: { team: "b" },
  vars: { a: [1, "x", null, true, { b: {} }], c: 2.5 },
  main: {
    mode: "BLOCK_MODE_GRAPH",
    steps: [
      {
        id: "a",
        title: "A",
        needs: ["b"],
        if: "input.x",
        retry: {
          max_attempts: 3,
          initial_delay: "0.500s",
          multiplier: 1.5,
          max_delay: "60s",
          retry_if: "true",
        },
        timeouts: { queued: "1s", attempt: "2s", total: "60s", heartbeat: "1s" },
        priority: 9,
        fallback: {
          mode: "BLOCK_MODE_SEQUENCE",
          steps: [{ id: "c", fail: { reason: "X", message: "no" } }],
          output: { y: "1" },
        },
        task: {
          agent: { capability: "c@^1", where: "agent.state == 'idle'", agent_id: "one" },
          literal: { deep: [{ x: null }] },
          input: { x: "vars.a" },
        },
      },
      {
        id: "b",
        on_error: "ON_ERROR_CONTINUE",
        task: { agent: { agent_id: "a" }, input_from: "{}" },
      },
      { id: "d", on_error: "ON_ERROR_FAIL", set: { values: { v: "1" } } },
    ],
    output: { z: "steps.d.output.v" },
  },
  output: { z: "now" },
  timeout: "3600s",
  defaults: { retry: { max_attempts: 2 }, timeouts: { queued: "30s" } },
  priority: 1,
};
