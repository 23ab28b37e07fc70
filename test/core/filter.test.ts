import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRefused } from "../../src/core/errors.ts";
import {
  type CompareOp,
  type Filter,
  type FilterValue,
  matchesFilter,
} from "../../src/core/filter.ts";
import {
  AGENT_ENTRY_FIELDS,
  AGENT_FIELDS,
  type FieldTable,
  LOG_FIELDS,
  RUN_ENTRY_FIELDS,
  RUN_FIELDS,
  TASK_FIELDS,
} from "../../src/core/filter-fields.ts";
import { parseFilter } from "../../src/core/filter-parse.ts";
import {
  agentReader,
  entryReader,
  holdsText,
  logReader,
  runReader,
} from "../../src/core/filter-records.ts";

const NOW_MS = Date.parse("2026-01-02T00:00:00Z");
const FIELDS: FieldTable = {
  ...RUN_FIELDS,
  ...LOG_FIELDS,
  capabilities: { type: "names" },
  ok: { type: "bool" },
};
const parse = (text: string) => parseFilter(text, FIELDS, NOW_MS);
const compare = (name: string, op: CompareOp, value: FilterValue): Filter => ({
  type: "compare",
  field: { name },
  op,
  value,
});

describe("parse", () => {
  test.each<[string, Filter | undefined]>([
    ["", undefined],
    ["  ", undefined],
    ["run_id == 'a'", compare("run_id", "==", "a")],
    ["'a' == run_id", compare("run_id", "==", "a")],
    ["1 < priority", compare("priority", ">", 1)],
    ["1 >= priority", compare("priority", "<=", 1)],
    ["priority != -1", compare("priority", "!=", -1)],
    ["priority <= 2.5", compare("priority", "<=", 2.5)],
    ["priority == 3u", compare("priority", "==", 3)],
    ["failure.reason == 'X'", compare("failure.reason", "==", "X")],
    ["ok", compare("ok", "==", true)],
    ["ok == false", compare("ok", "==", false)],
    ["kind == 'OPERATION'", compare("kind", "==", "operation")],
    ["severity >= 'Warn'", compare("severity", ">=", 13)],
    ["severity < 5", compare("severity", "<", 5)],
    ["time > now - duration('1h')", compare("time", ">", NOW_MS - 3_600_000)],
    ["time < now + duration('1m')", compare("time", "<", NOW_MS + 60_000)],
    ["time >= now", compare("time", ">=", NOW_MS)],
    ["time == timestamp('2026-01-02T00:00:00Z')", compare("time", "==", NOW_MS)],
    ["time == '2026-01-02T00:00:00Z'", compare("time", "==", NOW_MS)],
    [
      "labels['team'] == 'a'",
      { type: "compare", field: { name: "labels", key: "team" }, op: "==", value: "a" },
    ],
    [
      "labels.team == 'a'",
      { type: "compare", field: { name: "labels", key: "team" }, op: "==", value: "a" },
    ],
    [
      "attributes['n'] == 3",
      { type: "compare", field: { name: "attributes", key: "n" }, op: "==", value: 3 },
    ],
    [
      "kind in ['operation', 'DROPPED']",
      { type: "in", field: { name: "kind" }, values: ["operation", "dropped"] },
    ],
    ["'plan' in capabilities", { type: "has", field: { name: "capabilities", key: "plan" } }],
    ["'team' in labels", { type: "has", field: { name: "labels", key: "team" } }],
    ["has(labels.team)", { type: "has", field: { name: "labels", key: "team" } }],
    ["has(failure.reason)", { type: "has", field: { name: "failure.reason" } }],
    ["run_id.startsWith('a')", { type: "starts_with", field: { name: "run_id" }, prefix: "a" }],
    [
      "run_id == 'a' && (run_id == 'b' || !(run_id == 'c')) && run_id == 'd'",
      {
        type: "and",
        items: [
          compare("run_id", "==", "a"),
          {
            type: "or",
            items: [
              compare("run_id", "==", "b"),
              { type: "not", item: compare("run_id", "==", "c") },
            ],
          },
          compare("run_id", "==", "d"),
        ],
      },
    ],
  ])("%j", (text, filter) => {
    expect(parse(text)).toEqual(filter);
  });

  test.each<[string, number, string?]>([
    ["run_idd == 'a'", 1, "run_id"],
    ["nonsense == 'a'", 1],
    ["failure == 'a'", 1],
    ["labels == 'a'", 1],
    ["kind == 'oparation'", 9, "operation"],
    ["kind == 3", 9],
    ["kind < 'operation'", 8],
    ["priority == 'a'", 13],
    ["run_id == 3", 11],
    ["ok == 'yes'", 7],
    ["severity == 'loud'", 13],
    ["time == 'yesterday'", 9],
    ["time == 3", 9],
    ["run_id == now", 11],
    ["time > now - duration('one')", 12],
    ["time > now * 2", 12],
    ["run_id == null", 11],
    ["priority == -run_id", 13],
    ["run_id == run_id", 11],
    ["1 == 1", 3],
    ["run_id", 1],
    ["true", 1],
    ["run_id.contains('a')", 7],
    ["run_id.startsWith(run_id)", 7],
    ["'a'.startsWith('b')", 4],
    ["labels[run_id] == 'a'", 16],
    ["priority in [1, 'a']", 17],
    ["1 in [1]", 3],
    ["capabilities == 'a'", 1],
    ["priority + 1 == 2", 14],
    ["priority + 1", 10],
    ["-priority", 1],
    ["now()", 1],
    ["has(size(run_id).x)", 1],
    ["timestamp() == time", 1],
    ["priority == -'a'", 13],
    ["time > now * duration('1s')", 12],
    ["time > 5 + duration('1s')", 10],
    ["size(run_id)", 1],
    ["time > now + 1", 12],
    ["time > timestamp(now)", 8],
    ["time > now + duration(now)", 12],
    ["{'a': 1}", 1],
    ["has(run_id.x.y)", 1],
    ["timestamp('x') == time", 1],
    ["run_id == ", 8],
  ])("%j is refused at column %i", (text, column, suggestion) => {
    try {
      parse(text);
    } catch (error) {
      if (!isRefused(error, "invalid_filter")) throw error;
      const [found] = error.refusal.diagnostics;
      expect(found?.suggestion).toBe(suggestion);
      expect(found?.message).not.toBe("");
      expect(found?.column).toBeGreaterThanOrEqual(1);
      expect(found?.column).toBe(column);
      return;
    }
    throw new Error("it was not refused");
  });

  test("1 KiB and 32 comparisons are the limits", () => {
    const of = (n: number) => Array.from({ length: n }, () => "ok").join(" && ");
    expect(parse(of(32))).toMatchObject({ type: "and" });
    expect(() => parse(of(33))).toThrow(/32 comparisons/);
    expect(() => parse(`priority in [${"1,".repeat(32)}1]`)).toThrow(/32 comparisons/);
    expect(parse("ok".padEnd(1_024))).toBeDefined();
    expect(() => parse("ok".padEnd(1_025))).toThrow(/1024 bytes/);
  });

  test("every field of every table can be asked for", () => {
    const tables = [
      AGENT_FIELDS,
      AGENT_ENTRY_FIELDS,
      RUN_FIELDS,
      RUN_ENTRY_FIELDS,
      TASK_FIELDS,
      LOG_FIELDS,
    ];
    for (const table of tables) {
      for (const [name, { type }] of Object.entries(table)) {
        const text = type.endsWith("_map") || type === "names" ? `'x' in ${name}` : `has(${name})`;
        const asked =
          name.includes(".") || text.includes(" in ")
            ? text
            : `${name} != ${literalOf(table, name)}`;
        expect(parseFilter(asked, table, NOW_MS), asked).toBeDefined();
      }
    }
  });

  function literalOf(table: FieldTable, name: string): string {
    const kind = table[name];
    if (kind?.type === "number" || kind?.type === "severity") return "1";
    if (kind?.type === "time") return "now";
    return kind?.type === "enum" ? `'${kind.values[0]}'` : "'x'";
  }
});

describe("match", () => {
  const record = { a: "x", n: 5, b: true, nothing: null, list: [1] };
  const get = ({ name }: { name: string }) => (record as Record<string, unknown>)[name];
  const matches = (filter: Filter) => matchesFilter(filter, get);

  test.each<[string, CompareOp, FilterValue, boolean]>([
    ["a", "==", "x", true],
    ["a", "!=", "x", false],
    ["a", "<", "y", true],
    ["a", "<=", "x", true],
    ["a", ">", "w", true],
    ["a", ">=", "xx", false],
    ["a", "<", "\u{1F600}", true],
    ["n", "<", 6, true],
    ["n", ">=", 5, true],
    ["b", "==", true, true],
    ["b", ">", false, true],
    ["n", "==", "5", false],
    ["n", "!=", "5", true],
    ["missing", "==", "x", false],
    ["missing", "<", "x", false],
    ["missing", "!=", "x", true],
    ["nothing", "==", "x", false],
    ["list", "==", "1", false],
  ])("%s %s %j: %s", (name, op, value, expected) => {
    expect(matches(compare(name, op, value))).toBe(expected);
  });

  test("has, in, starts_with, and, or, not", () => {
    const has = (name: string): Filter => ({ type: "has", field: { name } });
    expect(matches(has("a"))).toBe(true);
    expect(matches(has("missing"))).toBe(false);
    expect(matches(has("nothing"))).toBe(false);
    expect(matches({ type: "in", field: { name: "a" }, values: ["y", "x"] })).toBe(true);
    expect(matches({ type: "in", field: { name: "missing" }, values: ["x"] })).toBe(false);
    expect(matches({ type: "starts_with", field: { name: "a" }, prefix: "x" })).toBe(true);
    expect(matches({ type: "starts_with", field: { name: "n" }, prefix: "5" })).toBe(false);
    expect(matches({ type: "and", items: [has("a"), has("missing")] })).toBe(false);
    expect(matches({ type: "or", items: [has("missing"), has("a")] })).toBe(true);
    expect(matches({ type: "not", item: compare("missing", "==", "x") })).toBe(true);
  });

  test("texts are ordered by code point", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
        const byBytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
        const less = matchesFilter(compare("x", "<", b), () => a);
        expect(less).toBe(byBytes < 0);
      }),
    );
  });
});

describe("records", () => {
  const read = (
    reader: (field: { name: string; key?: string }) => unknown,
    name: string,
    key?: string,
  ) => reader(key === undefined ? { name } : { name, key });

  test("an agent", () => {
    const view = {
      state: "idle",
      liveness: "live",
      labels: { team: "a" },
      capabilities: ["plan"],
    } as const;
    const reader = agentReader("w", view, { createdMs: 1, updatedMs: 2 });
    expect(
      ["agent_id", "state", "liveness", "create_time", "update_time"].map((n) => read(reader, n)),
    ).toEqual([...["w", "idle", "live", 1, 2]]);
    expect(read(reader, "labels", "team")).toBe("a");
    expect(read(reader, "labels", "__proto__")).toBeUndefined();
    expect(read(reader, "capabilities", "plan")).toBe("plan");
    expect(read(reader, "capabilities", "draw")).toBeUndefined();
    expect(read(reader, "state", "x")).toBeUndefined();
    expect(read(agentReader("w", view), "create_time")).toBeUndefined();
    expect(read(reader, "constructor")).toBeUndefined();
  });

  test("an entry says its own words first", () => {
    const view = { ...RUN, failureReason: "X" };
    const reader = entryReader({ kind: "task", actor: "agent:a" }, runReader("r", view));
    expect(read(reader, "kind")).toBe("task");
    expect(read(reader, "actor")).toBe("agent:a");
    expect(read(reader, "failure.reason")).toBe("X");
    expect(read(reader, "run_id")).toBe("r");
  });

  test("a log entry", () => {
    const row = {
      kind: "operation",
      operation: "a.b",
      severity: 9,
      message: "m",
      actor: "user:x",
    } as const;
    const reader = logReader({ ...row, attributes: { n: 3 }, agentId: "w" }, 5);
    expect(read(reader, "time")).toBe(5);
    expect(read(reader, "agent_id")).toBe("w");
    expect(read(reader, "attributes", "n")).toBe(3);
    expect(read(reader, "run_id")).toBeUndefined();
  });

  test("text is found whatever the case of its ASCII letters", () => {
    expect(holdsText("Über ALLES", "alles")).toBe(true);
    expect(holdsText("über", "ÜBER")).toBe(false);
    expect(holdsText("abc", "d")).toBe(false);
  });

  const RUN = {
    state: "running",
    templateId: "t",
    templateVersion: "1.0.0",
    labels: {},
    priority: 5,
    actor: "user:x",
    traceId: "",
    createdAtMs: 1,
  } as const;
});
