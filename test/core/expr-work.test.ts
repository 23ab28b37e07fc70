import { describe, expect, test } from "vitest";
import { patternSize } from "../../src/core/expr/pattern.ts";
import { checkExpression, ExpressionError, evaluate, interpolate } from "../../src/core/expr.ts";
import type { Json } from "../../src/core/json.ts";
import type { Values } from "../../src/core/template-types.ts";

const THOUSAND = Array.from({ length: 1_000 }, (_, i) => i);
const VALUES: Values = {
  input: {
    thousand: THOUSAND,
    hundred: THOUSAND.slice(0, 100),
    text: "ab".repeat(100_000),
    doc: Array.from({ length: 20_000 }, (_, i) => i),
    same: Array.from({ length: 20_000 }, (_, i) => i),
    map: Object.fromEntries(THOUSAND.map((n) => [`k${n}`, n])),
    names: THOUSAND.map((n) => `name-${n}`),
    "a-b": [[1, 2], [3]],
    lists: [[1], [...THOUSAND, 0]],
    rows: [{ xs: [1] }, { xs: [2, 3] }],
  },
  now: new Date("2026-01-02T03:04:05.678Z"),
};

/** A value, handed from loop to loop. */
const chain = (first: string, step: string, loops: number) =>
  `${first}${`.map(s, ${step})`.repeat(loops)}`;

describe("work is bounded where the library bounds none", () => {
  test.each([
    ["texts that grow from loop to loop", chain("['aaaaaaaa']", "s + s + s + s", 15)],
    ["lists that grow from loop to loop", chain("[[1]]", "s + s + s + s", 15)],
    ["a result that is small in memory only", chain("[[1]]", "[s, s, s, s]", 15)],
    ["such a value compared", `${chain("[[1]]", "[s, s, s, s]", 13)} == [[1]]`],
    ["such a value searched for", `[1] in ${chain("[[1]]", "[s, s, s, s]", 13)}`],
    ["a document compared a thousand times", "input.thousand.all(x, input.doc == input.same)"],
    ["a document searched", "input.thousand.all(x, !([x] in input.doc))"],
    ["a long text, letter by letter", "input.hundred.all(x, input.text.lowerAscii() != '')"],
    ["a long text taken apart", "input.hundred.all(x, input.text.split('').size() > 0)"],
    ["long texts joined", "input.thousand.map(x, input.text).join('')"],
    ["bytes that grow", chain("[b'aaaaaaaa']", "s + s + s + s", 15)],
    ["calls that fail and are absorbed", `input.thousand.all(x, ${"x<'a'||".repeat(50)}true)`],
    [
      "fields that are not there",
      `input.hundred.all(x, input.hundred.all(y, ${"x.a||".repeat(50)}true))`,
    ],
    ["a hard pattern", "input.text.matches('(a|b)*a(a|b){100}[^ab]')"],
    ["a large pattern", "input.hundred.all(x, 'a'.matches('(\\\\pL{30}){30}') || true)"],
  ])("%s", (_, source) => {
    expect(source.length).toBeLessThanOrEqual(1_024);
    expect(() => evaluate(source, VALUES)).toThrow(/too much work/);
  });

  test("too much work is not absorbed by ||, and the next evaluation begins anew", () => {
    const source = "input.text.matches('(a|b)*a(a|b){100}[^ab]') || true";
    expect(() => evaluate(source, VALUES)).toThrow(ExpressionError);
    expect(evaluate("1 + 1", VALUES)).toBe(2);
  });

  test.each<[string, Json]>([
    ["[input.thousand.map(y, y)].all(l, input.thousand.all(x, x in l))", true],
    ["size(input.thousand.map(x, x + 1).filter(x, x > 500).map(x, [x]))", 500],
    ["input.hundred.all(x, input.hundred.all(y, x == y || x < y || x > y || x + y < 200))", true],
    ["input.doc == input.same", true],
    ["input.map == input.map && !(input.map == input.doc)", true],
    ["input.map != {'k0': 0}", true],
    ["input.thousand.filter(x, !(x in input.hundred)).size()", 900],
    ["'k3' in input.map && !([1] in [[2]])", true],
    ["input.names.all(n, n.matches('^[a-z]+-[0-9]{1,4}$'))", true],
    ["size(input.names.join(','))", 8_889],
    ["input.text.contains('ba')", true],
    ["size([1] + [2] + input.hundred)", 102],
  ])("what people write stays within it: %s", (source, value) => {
    expect(evaluate(source, VALUES)).toEqual(value);
  });

  test("a text of placeholders is no longer than a result", () => {
    expect(() => interpolate("${input.text}${input.text}", VALUES)).toThrow(/400000 bytes/);
  });
});

describe("the size of a pattern", () => {
  test.each([
    ["", 1],
    ["abc", 4],
    ["a.*b$", 4],
    ["\\d+[^\\]a-z]?x", 4],
    ["a{3}", 4],
    ["a{2,5}", 6],
    ["a{2,}", 3],
    ["a{0}", 2],
    ["(ab){10}", 31],
    ["((a|b){10}c){10}", 321],
    ["\\pL\\p{Greek}", 201],
    ["[\\pL]{2}", 201],
    ["[]a]", 2],
    ["a)b", 4],
    ["(a(b", 3],
    ["{3}", 1],
    ["a{x}", 5],
  ])("%j: %i", (pattern, size) => {
    expect(patternSize(pattern)).toBe(size);
  });
});

describe("ranges that are picked", () => {
  const names = new Set(["input"]);
  test.each<[string, Json]>([
    ["input['a-b'].map(x, size(x))", [2, 1]],
    ["input['a-b'][0].map(x, x + 1)", [2, 3]],
    ["input.rows[1].xs.map(x, x)", [2, 3]],
    ["input.rows[7].xs.map(x, x).size() == 0 || true", true],
    ["input['a-b'].all(xs, xs.all(x, x > 0))", true],
  ])("%s", (source, value) => {
    expect(checkExpression(source, names).findings).toEqual([]);
    expect(evaluate(source, VALUES)).toEqual(value);
  });

  test("what is picked is measured", () => {
    expect(() => evaluate("input.lists[1].map(x, x)", VALUES)).toThrow(/1001 items/);
    expect(() => evaluate("input['lists'][1].all(x, true)", VALUES)).toThrow(/1001 items/);
    expect(evaluate("input.lists[0].map(x, x)", VALUES)).toEqual([1]);
  });

  test.each(["input.rows[input.n].xs.map(x, x)", "input[1.5].map(x, x)", "[1][0].map(x, x)"])(
    "%s cannot be measured",
    (source) => {
      expect(checkExpression(source, names).findings).toMatchObject([{ code: "EXPRESSION_RANGE" }]);
    },
  );
});

describe("calls", () => {
  test.each([
    ["_foo(1)", "there is no function _foo"],
    ["foo_(1)", "there is no function foo_"],
    ["toString(1)", "there is no function toString"],
    ["all(1)", "all is called as in list.all(x, x > 0)"],
    ["[1].map(1)", "map is called as in list.map(x, x + 1)"],
    ["has(input)", "has is called as in has(a.b)"],
  ])("%s: %s", (source, message) => {
    expect(checkExpression(source, new Set(["input"])).findings[0]).toMatchObject({
      code: "EXPRESSION_FUNCTION",
      message,
    });
    expect(() => evaluate(source, VALUES)).toThrow(message);
  });

  test("a slip in the name of a macro is found as well", () => {
    const [finding] = checkExpression("input.filtr(x, true)", new Set(["input", "x"])).findings;
    expect(finding?.suggestion).toBe("filter");
    expect(() => evaluate("siz(1)", {})).toThrow(expect.objectContaining({ suggestion: "size" }));
  });
});

describe("an evaluation that fails says where", () => {
  test.each([
    ["1 + input.nope", ".nope"],
    ["1 == 1 && input.thousand > 'a'", ">"],
    ["input.names[0].matches('a)')", ".matches"],
  ])("%s", (source, place) => {
    const range = { start: source.indexOf(place), end: source.indexOf(place) + place.length };
    expect(() => evaluate(source, VALUES)).toThrow(expect.objectContaining({ range }));
  });

  test("or nothing, where the library does not", () => {
    expect(() => evaluate("1 / 0", {})).toThrow(expect.objectContaining({ range: undefined }));
  });
});

test.each([
  ["now", "2026-01-02T03:04:05.678Z"],
  ["timestamp('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05.000Z"],
  ["timestamp('2026-01-02T03:04:05.1234Z')", "2026-01-02T03:04:05.123400Z"],
  ["timestamp('1969-12-31T23:59:59.000000001Z')", "1969-12-31T23:59:59.000000001Z"],
  ["timestamp('2026-01-02T03:04:05+02:00')", "2026-01-02T01:04:05.000Z"],
  ["duration('1h')", "3600s"],
  ["duration('-0.5s')", "-0.500s"],
  ["duration('-90s')", "-90s"],
  ["duration('1ns')", "0.000000001s"],
  ["duration('1us')", "0.000001s"],
])("times and durations are ProtoJSON: %s is %s", (source, json) => {
  expect(evaluate(source, VALUES)).toBe(json);
});
