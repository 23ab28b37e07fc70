import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkExpression,
  checkText,
  ExpressionError,
  evaluate,
  evaluateBool,
  interpolate,
  parseExpression,
  rootsOf,
} from "../../src/core/expr.ts";
import type { Json } from "../../src/core/json.ts";
import type { Values } from "../../src/core/template-types.ts";

const NAMES = new Set(["input", "vars", "run", "now", "steps", "error", "agent"]);
const codes = (source: string) => checkExpression(source, NAMES).findings.map(({ code }) => code);

const VALUES: Values = {
  input: {
    n: 7,
    text: "héllo",
    none: null,
    yes: true,
    list: [1, 2, 3],
    rows: [
      { k: "a", xs: [1, 2] },
      { k: "b", xs: [3] },
    ],
    big: Array.from({ length: 1_001 }, (_, i) => i),
    hundred: Array.from({ length: 100 }, () => ({ ys: Array.from({ length: 101 }, () => 1) })),
    map: { a: 1, b: 2 },
    __proto__x: 1,
  },
  now: new Date("2026-01-02T03:04:05Z"),
  steps: { a: { state: "succeeded", output: { x: 1 } } },
};

describe("what is written wrong is found, with its place", () => {
  test.each([
    ["1 +", "EXPRESSION_SYNTAX", 2],
    ["", "EXPRESSION_SYNTAX", 0],
    // The parser takes the longer the more brackets are open: it does not see these.
    ["(".repeat(1_000), "EXPRESSION_DEPTH", 0],
    [`${"(".repeat(65)}1${")".repeat(65)}`, "EXPRESSION_DEPTH", 0],
    ["'\\U00110000'", "EXPRESSION_SYNTAX", 0],
    ["opscore.v1.Agent{id: 1}", "EXPRESSION_FUNCTION", 0],
    ["inptu.x", "NAME_UNKNOWN", 0],
    ["has(inptu.x)", "NAME_UNKNOWN", 4],
    ["run.run_idd", "FIELD_UNKNOWN", 0],
    ["error.reson", "FIELD_UNKNOWN", 0],
    ["agent.lables", "FIELD_UNKNOWN", 0],
    ["1 == 1 && steps.a.outptu == 1", "FIELD_UNKNOWN", 10],
    ["steps['a'].output", "STEP_COMPUTED", 5],
    ["steps[input.n]", "STEP_COMPUTED", 5],
    ["steps", "STEP_COMPUTED", 0],
    ["input.text.replace('a', 'b')", "EXPRESSION_FUNCTION", 10],
    ["input.text.format([1])", "EXPRESSION_FUNCTION", 10],
    ["siz(input.list)", "EXPRESSION_FUNCTION", 0],
    ["opscore.v1.Agent{}", "EXPRESSION_FUNCTION", 0],
    ["input.text.matches(input.text)", "EXPRESSION_PATTERN", 10],
    [`input.text.matches('${"a".repeat(257)}')`, "EXPRESSION_PATTERN", 10],
    ["input.text.split(',').map(x, x)", "EXPRESSION_RANGE", 21],
    ["[1].all(a, [1].all(b, [1].all(c, true)))", "EXPRESSION_NESTING", 25],
    ["[".repeat(40) + "]".repeat(40), "EXPRESSION_DEPTH", 0],
    [`[${"1,".repeat(300)}1]`, "EXPRESSION_SIZE", 0],
    ["a".repeat(1_025), "EXPRESSION_LENGTH", 0],
  ])("%j: %s", (source, code, start) => {
    const [finding] = checkExpression(source, NAMES).findings;
    expect(finding).toMatchObject({ code, range: { start } });
  });

  test("the nearest name is suggested", () => {
    const suggestion = (source: string) => checkExpression(source, NAMES).findings[0]?.suggestion;
    expect(suggestion("inptu")).toBe("input");
    expect(suggestion("steps.a.outptu")).toBe("output");
    expect(suggestion("siz(input.x)")).toBe("size");
    expect(suggestion("zzzzzzzz")).toBeUndefined();
    expect(suggestion("zzzzzzzz(1)")).toBeUndefined();
  });

  test.each([
    "input.text.matches('^h')",
    `input.text.matches('${"a".repeat(256)}')`,
    `${"(".repeat(64)}1${")".repeat(64)}`,
    `input.text == '${"(".repeat(200)}' && input.text == "${"[".repeat(200)}"`,
    `[${"(1), ".repeat(100)}1]`,
    "[1].all(a, [1].all(b, true))",
    "input.list.filter(x, x > 1).map(x, x * 2)",
    "(input.list + [4]).map(x, x)",
    "{'a': 1}.all(k, k == 'a')",
    "'a' in agent.capabilities",
    "1".padStart(1_024),
    "has(steps.a.output) ? steps.a.output.x : 0",
  ])("%j is taken", (source) => {
    expect(codes(source)).toEqual([]);
  });
});

describe("reads of steps", () => {
  test.each([
    ["steps.a.output.x", false],
    ["has(steps.a.output) && steps.a.output.x == 1", true],
    ["steps.a.output.x == 1 && has(steps.a.output)", false],
    ["has(steps.a.output.x)", false],
    ["has(steps.a.output) && has(steps.a.output.x)", true],
    ["!has(steps.a.output) ? 0 : steps.a.output.x", true],
    ["has(steps.a.output) ? steps.a.output.x : 0", true],
    ["has(steps.a.output) ? 0 : steps.a.output.x", false],
    ["!has(steps.a.output) || steps.a.output.x == 1", true],
    ["has(steps.a.output) || steps.a.output.x == 1", false],
    ["steps.a.state == 'succeeded' && steps.a.output.x == 1", true],
    ["'succeeded' == steps.a.state && steps.a.output.x == 1", true],
    ["steps.a.state in ['succeeded'] && steps.a.output.x == 1", true],
    ["steps.b.state == 'succeeded' && steps.a.output.x == 1", false],
    ["(has(steps.a.output) && input.yes) && steps.a.output.x == 1", true],
    ["!(has(steps.a.output) && input.yes) || steps.a.output.x == 1", true],
    ["[1].all(i, has(steps.a.output) && steps.a.output.x == i)", true],
  ])("%j: guarded %s", (source, guarded) => {
    const { reads } = checkExpression(source, NAMES);
    expect(reads.length).toBeGreaterThan(0);
    expect(reads.every((read) => read.guarded)).toBe(guarded);
  });

  test("state and other fields need no guard", () => {
    const { reads } = checkExpression("steps.a.state == '' || steps.a.attempt == 1", NAMES);
    expect(reads.map(({ field, guarded }) => [field, guarded])).toEqual([
      ["state", true],
      ["attempt", true],
    ]);
  });

  test("what a whole expression tests", () => {
    expect(checkExpression("has(steps.a.output) && steps.b.state == 'x'", NAMES).tests).toEqual([
      "a",
      "b",
    ]);
    expect(checkExpression("has(steps.a.output) || input.yes", NAMES).tests).toEqual([]);
    expect(checkExpression("has(input.x)", NAMES).tests).toEqual([]);
  });

  test("names of loops are no names of the run", () => {
    expect(codes("input.list.map(steps, steps)")).toEqual([]);
    expect(codes("input.list.map(x, y)")).toEqual(["NAME_UNKNOWN"]);
  });

  test("the roots", () => {
    expect([...rootsOf("input.n == 1 && now > now && steps.a.state == 'x'")]).toEqual([
      "input",
      "now",
      "steps",
    ]);
  });
});

describe("values", () => {
  test.each<[string, Json]>([
    ["input.n + 1", 8],
    ["1 + input.n", 8],
    ["input.n - 1", 6],
    ["2 * input.n", 14],
    ["input.n / 2", 3.5],
    ["7 / 2", 3],
    ["input.n % 4", 3],
    ["7.5 % 2.0", 1.5],
    ["input.n == 7 && input.n > 6 && input.n <= 7.0", true],
    ["size(input.text)", 5],
    ["uint(3)", 3],
    ["input.none", null],
    ["input.map", { a: 1, b: 2 }],
    ["input.list.map(x, x + 1)", [2, 3, 4]],
    ["input.rows.map(r, r.xs.map(x, x))", [[1, 2], [3]]],
    ["input.rows.filter(r, r.k == 'b').map(r, r.k)", ["b"]],
    ["(input.list + [4]).filter(x, x > 2)", [3, 4]],
    ["input.map.all(k, k != '')", true],
    ["'a,b'.split(',')", ["a", "b"]],
    ["{'x': input.n, 'y': [true]}", { x: 7, y: [true] }],
    ["now", "2026-01-02T03:04:05.000Z"],
    ["now - duration('1h')", "2026-01-02T02:04:05.000Z"],
    ["duration('1500ms')", "1.500s"],
    ["string(9007199254740993)", "9007199254740993"],
    ["9007199254740992", 9007199254740992],
    ["input.text.matches('^h.*o$')", true],
    ["steps.a.output.x", 1],
    ["has(input.nope) || true", true],
    ["input.list == 1", false],
    ["1 == input.list", false],
    ["input.list == input.list", true],
  ])("%s", (source, value) => {
    expect(evaluate(source, VALUES)).toEqual(value);
  });

  test.each([
    ["input.nope", /nope/],
    ["input.nope == 1 || true", undefined],
    ["1.0 / 0.0", /finite/],
    ["9007199254740993", /2\^53/],
    ["-9007199254740993", /2\^53/],
    ["{1: 2}", /not a string/],
    ["'a\\x00b'", /NUL/],
    ["{'a\\x00': 1}", /NUL/],
    ["b'ab'", /neither JSON/],
    ["type(1)", /neither JSON/],
    ["input.big.map(x, x)", /1001 items/],
    ["input.hundred.all(h, h.ys.all(y, y == 1))", /100 times 101/],
    ["input.rows.map(r, [r]).all(s, s.all(t, true))", /computed/],
    ["(input.big + input.list).map(x, x)", /1004 items/],
    ["input.rows.map(r, r.xs + [1]).all(s, s.all(t, true))", /computed/],
    ["1 +", /not an expression/],
    ["input.n.map(x, x)", /./],
    ["input.nope.map(x, x)", /nope/],
    ["nothing.map(x, x)", /./],
    ["a".repeat(1_025), /1024 characters/],
    ["siz(1)", /no function/],
  ] as const)("%s fails", (source, message) => {
    const run = () => evaluate(source, VALUES);
    if (message === undefined) expect(run()).toBe(true);
    else expect(run).toThrow(message);
  });

  test("what a filter lets through can be looped over again", () => {
    expect(evaluate("input.rows.filter(r, r.k != '').all(r, r.xs.all(x, x > 0))", VALUES)).toBe(
      true,
    );
    expect(evaluate("[[1], [2]].all(r, size(r) == 1)", VALUES)).toBe(true);
    expect(evaluate("input.n == 7 && [].all(x, true)", VALUES)).toBe(true);
  });

  test("a result above 256 KiB fails", () => {
    const values = { input: { t: "x".repeat(256 * 1024) } };
    expect(() => evaluate("input.t", values)).toThrow(/262146 bytes/);
  });

  test("a condition must be a bool", () => {
    expect(evaluateBool("input.yes", VALUES)).toBe(true);
    expect(() => evaluateBool("input.n", VALUES)).toThrow(/no bool/);
  });

  test("ten thousand plans are kept, and the rest is planned anew", () => {
    for (let n = 0; n <= 10_000; n++) expect(evaluate(`${n}`, {})).toBe(n);
    expect(evaluate("0", {})).toBe(0);
  });

  test("the syntax tree is had within the guards", () => {
    const { expr, rangeOf } = parseExpression("a == 1");
    expect(rangeOf(expr)).toEqual({ start: 2, end: 3 });
    expect(() => parseExpression("x.replace('a', 'b')")).toThrow(ExpressionError);
  });
});

describe("text", () => {
  test("holds the values of its placeholders", () => {
    expect(interpolate("no ${input.n}, ${input.text} and ${{'a': '}'}}!", VALUES)).toBe(
      'no 7, héllo and {"a":"}"}!',
    );
    expect(interpolate("plain $ {x}", VALUES)).toBe("plain $ {x}");
    expect(() => interpolate("${input.n", VALUES)).toThrow(ExpressionError);
  });

  test("is checked, with places in the text", () => {
    const { findings, reads } = checkText("a ${inptu} b ${steps.a.output} ${1 +}", NAMES);
    expect(findings).toMatchObject([
      { code: "NAME_UNKNOWN", range: { start: 4 } },
      { code: "EXPRESSION_SYNTAX", range: { start: 35 } },
    ]);
    expect(reads).toMatchObject([{ stepId: "a", range: { start: 15 } }]);
    expect(checkText("a ${", NAMES).findings).toMatchObject([
      { code: "EXPRESSION_SYNTAX", range: { start: 2 } },
    ]);
  });
});

describe("nothing but an ExpressionError comes out", () => {
  const word = fc.constantFrom(
    ...[
      "input",
      "steps",
      "a",
      "x",
      ".",
      "(",
      ")",
      "[",
      "]",
      "{",
      "}",
      ",",
      "'",
      '"',
      "1",
      "1.5",
      "+",
      "-",
    ],
    ...[
      "*",
      "/",
      "%",
      "==",
      "<",
      "&&",
      "||",
      "!",
      "?",
      ":",
      "in",
      "has",
      "map",
      "filter",
      "size",
      "now",
      " ",
    ],
  );

  test("whatever the source and the values", () => {
    const source = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.array(word, { maxLength: 30 }).map((w) => w.join("")),
    );
    fc.assert(
      fc.property(source, fc.jsonValue(), (text, input) => {
        checkExpression(text, NAMES);
        checkText(text, NAMES);
        for (const run of [
          () => evaluate(text, { input: input as Json }),
          () => interpolate(text, {}),
        ]) {
          try {
            run();
          } catch (error) {
            expect(error).toBeInstanceOf(ExpressionError);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("JSON goes through unchanged", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const input = JSON.parse(JSON.stringify(value)) as Json;
        expect(JSON.stringify(evaluate("input", { input }))).toBe(JSON.stringify(input));
      }),
    );
  });
});
