import fc from "fast-check";
import { expect, test } from "vitest";
import { isRefused } from "../../src/core/errors.ts";
import type { FieldRef, Filter, FilterValue } from "../../src/core/filter.ts";
import { matchesFilter } from "../../src/core/filter.ts";
import { LOG_FIELDS, RUN_FIELDS, TASK_FIELDS } from "../../src/core/filter-fields.ts";
import { parseFilter } from "../../src/core/filter-parse.ts";
import { taskReader } from "../../src/core/filter-records.ts";
import { FLAKY, NOW_MS as MADE_MS, RUNNING } from "./task-samples.ts";

const NOW_MS = Date.parse("2026-01-02T00:00:00Z");
const FIELDS = { ...RUN_FIELDS, ...LOG_FIELDS, capabilities: { type: "names" } } as const;
const parse = (text: string) => parseFilter(text, FIELDS, NOW_MS);

const word = fc.string({ unit: "grapheme", maxLength: 6 });
const order = fc.constantFrom("==", "!=", "<", "<=", ">", ">=");

/** A field, and a constant it can be compared with. */
const compared: fc.Arbitrary<{ field: FieldRef; value: FilterValue }> = fc.oneof(
  fc.record({
    field: fc.constantFrom("run_id", "failure.reason", "operation").map((name) => ({ name })),
    value: word,
  }),
  fc.record({ field: fc.constant({ name: "priority" }), value: fc.integer() }),
  fc.record({
    field: fc.constant({ name: "severity" }),
    value: fc.integer({ min: 1, max: 24 }),
  }),
  fc.record({ field: word.map((key) => ({ name: "labels", key })), value: word }),
  fc.record({
    field: word.map((key) => ({ name: "attributes", key })),
    value: fc.oneof(
      word,
      fc.boolean(),
      fc.integer(),
      fc.double({ noNaN: true, min: -1e9, max: 1e9 }),
    ),
  }),
);

const leaf: fc.Arbitrary<Filter> = fc.oneof(
  fc.tuple(compared, order).map(([of, op]) => ({ type: "compare" as const, op, ...of })),
  compared.map(({ field, value }) => ({ type: "in" as const, field, values: [value] })),
  word.map((key) => ({ type: "has" as const, field: { name: "capabilities", key } })),
  fc
    .constantFrom<FieldRef>({ name: "failure.reason" }, { name: "labels", key: "team" })
    .map((field) => ({ type: "has" as const, field })),
  word.map((prefix) => ({ type: "starts_with" as const, field: { name: "run_id" }, prefix })),
);

const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    // The parser takes two negations for none.
    tie("filter").map((item): Filter => (item.type === "not" ? item.item : { type: "not", item })),
    fc
      .tuple(fc.constantFrom("and", "or"), fc.array(tie("filter"), { minLength: 2, maxLength: 3 }))
      .map(([type, items]) => ({
        type,
        items: items.flatMap((item) => (item.type === type ? item.items : [item])),
      })),
  ),
}));

function print(of: Filter): string {
  switch (of.type) {
    case "and":
    case "or":
      return `(${of.items.map(print).join(of.type === "and" ? " && " : " || ")})`;
    case "not":
      return `!(${print(of.item)})`;
    case "compare":
      return `${printField(of.field)} ${of.op} ${literal(of.value)}`;
    case "in":
      return `${printField(of.field)} in [${of.values.map(literal).join(", ")}]`;
    case "has": {
      const { name, key } = of.field;
      return key === undefined ? `has(${name})` : `${literal(key)} in ${name}`;
    }
    case "starts_with":
      return `${printField(of.field)}.startsWith(${literal(of.prefix)})`;
  }
}

function printField({ name, key }: FieldRef): string {
  return key === undefined ? name : `${name}[${literal(key)}]`;
}

function literal(value: FilterValue): string {
  return JSON.stringify(value);
}

test("a filter that is printed and parsed is the same", () => {
  fc.assert(
    fc.property(filter, (made) => {
      const text = print(made);
      fc.pre(new TextEncoder().encode(text).length <= 1_024 && countOf(made) <= 32);
      expect(parse(text), text).toEqual(made);
    }),
    { numRuns: 500 },
  );
});

test("a filter and its negation never agree", () => {
  const record = fc.dictionary(fc.constantFrom("run_id", "priority", "severity"), fc.jsonValue());
  fc.assert(
    fc.property(filter, record, (made, fields) => {
      const get = ({ name, key }: FieldRef) => (key === undefined ? fields[name] : fields[key]);
      expect(matchesFilter({ type: "not", item: made }, get)).toBe(!matchesFilter(made, get));
    }),
  );
});

test("whatever the text, it is a filter or refused with a place in it", () => {
  const token = fc.constantFrom(
    ...["run_id", "labels", "priority", "now", "time", "severity", "'a'", "1", "true", "null"],
    ...[" == ", " < ", " in ", " && ", " || ", "!", "(", ")", "[", "]", "{", "}", ".", ","],
    ...["has", "startsWith", "timestamp", "duration", "matches", "-", "+", ":", "?"],
  );
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join("")),
    filter.map(print).chain((of) => fc.nat(of.length).map((at) => of.slice(0, at))),
  );
  fc.assert(
    fc.property(text, (of) => {
      try {
        parse(of);
      } catch (error) {
        if (!isRefused(error, "invalid_filter")) throw error;
        const [found] = error.refusal.diagnostics;
        expect(found?.range?.start).toBeGreaterThanOrEqual(0);
        expect(found?.range?.start).toBeLessThanOrEqual(of.length);
      }
    }),
    { numRuns: 1_000 },
  );
});

test("a minus may stand apart from its number", () => {
  expect(parse("priority == - 1")).toEqual(parse("priority == -1"));
});

test.each(["time > '1'", "time > timestamp('2026-01-02')", "time > timestamp('Jan 2 2026 00:00')"])(
  "times are RFC 3339, not what a locale makes of them: %s",
  (text) => {
    expect(() => parse(text)).toThrow();
  },
);

test.each([
  ["run_id.startWith('a')", "startsWith"],
  ["time > timestmp('2026-01-02T00:00:00Z')", "timestamp"],
])("%s: the nearest function is suggested", (text, suggestion) => {
  try {
    parse(text);
    expect.unreachable();
  } catch (error) {
    if (!isRefused(error, "invalid_filter")) throw error;
    expect(error.refusal.diagnostics[0]?.suggestion).toBe(suggestion);
  }
});

test("every field of a task that can be asked for is read", () => {
  const read = taskReader({ ...RUNNING, failure: FLAKY });
  expect(
    Object.fromEntries(Object.keys(TASK_FIELDS).map((name) => [name, read({ name })])),
  ).toEqual({
    task_id: "t1",
    run_id: "r1",
    step_path: "draft/simple",
    state: "running",
    capability: "write",
    agent_id: "a",
    attempt: 1,
    "failure.reason": "FLAKY",
    create_time: MADE_MS,
  });
});

function countOf(of: Filter): number {
  if (of.type === "not") return countOf(of.item);
  return of.type === "and" || of.type === "or"
    ? of.items.reduce((sum, item) => sum + countOf(item), 0)
    : 1;
}

test.each([
  ["now() == time", 1],
  ["!ok()", 2],
  ["timestamp() < time", 1],
  ["size(run_id, 1) == 1", 17],
  ["size()", 1],
  ["time < string()", 8],
  ["time < now * duration('1h')", 12],
  ["priority == -'a'", 13],
  ["time < duration(1)", 8],
])("%s is no call that a filter knows", (text, column) => {
  try {
    parse(text);
    expect.unreachable();
  } catch (error) {
    if (!isRefused(error, "invalid_filter")) throw error;
    expect(error.refusal.diagnostics[0]?.column).toBe(column);
  }
});
