import fc from "fast-check";
import { expect, test } from "vitest";
import {
  checkExpression,
  ExpressionError,
  evaluate,
  parseExpression,
} from "../../src/core/expr.ts";
import type { Json } from "../../src/core/json.ts";

const NAMES = new Set(["input", "now", "steps"]);

/** Expressions that parse, of every construct there is, right or wrong in their types. */
const { expression } = fc.letrec<{ expression: string; range: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.constantFrom(
      ...["1", "2.5", "'a'", "true", "null", "now", "x", "input", "input.list", "input.rows"],
      ...["input.text", "input.map", "steps.a.output", "steps.a.state", "[]", "{}", "b'a'", "3u"],
    ),
    fc
      .tuple(
        tie("expression"),
        fc.constantFrom(...["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "in"]),
        tie("expression"),
      )
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc
      .tuple(tie("expression"), tie("expression"), tie("expression"))
      .map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc
      .tuple(
        tie("range"),
        fc.constantFrom("map", "filter", "all", "exists", "exists_one"),
        tie("expression"),
      )
      .map(([range, macro, step]) => `${range}.${macro}(x, ${step})`),
    fc
      .tuple(fc.constantFrom("size", "string", "int", "double", "type", "dyn"), tie("expression"))
      .map(([name, a]) => `${name}(${a})`),
    fc
      .tuple(
        tie("expression"),
        fc.constantFrom("contains", "startsWith", "split", "join", "indexOf"),
        tie("expression"),
      )
      .map(([a, name, b]) => `${a}.${name}(${b})`),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `${a}[${b}]`),
    fc.array(tie("expression"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `{${a}: ${b}}`),
    tie("expression").map((a) => `!${a}`),
    tie("expression").map((a) => `-${a}`),
    fc.constant("has(input.list)"),
  ),
  range: fc.oneof(
    fc.constantFrom("input.list", "input.rows", "x", "x.xs", "[1, 2, 3]", "{'a': 1}", "input.map"),
    fc.tuple(tie("range"), tie("range")).map(([a, b]) => `(${a} + ${b})`),
    fc.tuple(tie("range"), tie("expression")).map(([a, step]) => `${a}.map(x, ${step})`),
    fc.tuple(tie("range"), tie("expression")).map(([a, step]) => `${a}.filter(x, ${step})`),
  ),
}));

const VALUES = {
  input: {
    list: Array.from({ length: 300 }, (_, i) => i),
    rows: [{ xs: [1, 2] }, { xs: ["a"] }, {}],
    text: "some text",
    map: { a: 1, b: [2] },
  } satisfies Json,
  now: new Date(0),
  steps: { a: { state: "succeeded", output: { x: 1 } } },
};

test("an expression has a JSON value, or fails as an expression", () => {
  let evaluated = 0;
  fc.assert(
    fc.property(expression, (source) => {
      try {
        const value = evaluate(source, VALUES);
        expect(JSON.parse(JSON.stringify(value))).toEqual(value);
        evaluated++;
      } catch (error) {
        expect(error, source).toBeInstanceOf(ExpressionError);
      }
    }),
    { numRuns: 1_000 },
  );
  expect(evaluated).toBeGreaterThan(50);
});

test("what the check refuses for its form never runs, and the other way round", () => {
  fc.assert(
    fc.property(expression, (source) => {
      const { findings } = checkExpression(source, NAMES);
      const isRefused = findings.some(({ code }) => code.startsWith("EXPRESSION_"));
      const parse = () => parseExpression(source);
      if (isRefused) expect(parse).toThrow(ExpressionError);
      else expect(parse).not.toThrow();
    }),
    { numRuns: 500 },
  );
});
