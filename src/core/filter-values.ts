import type { Expr } from "./expr/ast.ts";
import { evaluate } from "./expr.ts";
import type { FilterValue } from "./filter.ts";
import type { FieldKind } from "./filter-fields.ts";

/** Severities of OpenTelemetry by their names. */
const SEVERITIES: Readonly<Record<string, number>> = {
  trace: 1,
  debug: 5,
  info: 9,
  warn: 13,
  error: 17,
  fatal: 21,
};

/** A time that a filter computes from `now`, Unix ms. */
export interface Instant {
  readonly atMs: number;
}

/** The value of a literal, of `timestamp('...')`, or of `now` plus or minus a duration. */
export function constantOf(
  expr: Expr | undefined,
  nowMs: number,
): FilterValue | Instant | undefined {
  const kind = expr?.exprKind;
  if (kind?.case === "constExpr") return literalOf(kind.value.constantKind);
  if (kind?.case === "identExpr") return kind.value.name === "now" ? { atMs: nowMs } : undefined;
  return kind?.case === "callExpr" ? computed(kind.value, nowMs) : undefined;
}

type Call = Extract<Expr["exprKind"], { case: "callExpr" }>["value"];

function computed(
  { function: name, args }: Call,
  nowMs: number,
): FilterValue | Instant | undefined {
  if (name === "timestamp") return instantOf(textOf(args[0]));
  const first = constantOf(args[0], nowMs);
  if (name === "-_") return typeof first === "number" ? -first : undefined;
  const shiftMs = durationOf(args[1]);
  if (typeof first !== "object" || shiftMs === undefined) return undefined;
  if (name === "_+_") return { atMs: first.atMs + shiftMs };
  if (name === "_-_") return { atMs: first.atMs - shiftMs };
  return undefined;
}

/** A constant as a field of this kind holds it; `undefined` if it cannot. */
export function toFieldValue(
  kind: FieldKind,
  constant: FilterValue | Instant,
): FilterValue | undefined {
  if (typeof constant === "object") return kind.type === "time" ? constant.atMs : undefined;
  const plain = PLAIN[kind.type];
  if (plain !== undefined) return typeof constant === plain ? constant : undefined;
  const name = String(constant).toLowerCase();
  switch (kind.type) {
    case "time":
      return typeof constant === "string" ? instantOf(constant)?.atMs : undefined;
    case "severity":
      return typeof constant === "number" ? constant : SEVERITIES[name];
    case "enum":
      return kind.values.includes(name) ? name : undefined;
    default:
      return constant; // Of a map of JSON values: every type is right.
  }
}

/** Kinds whose constants are what they are. */
const PLAIN: Readonly<Partial<Record<FieldKind["type"], string>>> = {
  text: "string",
  text_map: "string",
  number: "number",
  bool: "boolean",
};

type Constant = Extract<Expr["exprKind"], { case: "constExpr" }>["value"]["constantKind"];

function literalOf(constant: Constant): FilterValue | undefined {
  switch (constant.case) {
    case "stringValue":
    case "boolValue":
    case "doubleValue":
      return constant.value;
    case "int64Value":
    case "uint64Value":
      return Number(constant.value);
    default:
      return undefined;
  }
}

function textOf(expr: Expr | undefined): string | undefined {
  const kind = expr?.exprKind;
  const value = kind?.case === "constExpr" ? literalOf(kind.value.constantKind) : undefined;
  return typeof value === "string" ? value : undefined;
}

function instantOf(text: string | undefined): Instant | undefined {
  const time = computedBy("timestamp", text);
  return time === undefined ? undefined : { atMs: Date.parse(time) };
}

function durationOf(expr: Expr | undefined): number | undefined {
  if (expr?.exprKind.case !== "callExpr" || expr.exprKind.value.function !== "duration")
    return undefined;
  const seconds = computedBy("duration", textOf(expr.exprKind.value.args[0]));
  return seconds === undefined ? undefined : Number.parseFloat(seconds) * 1_000;
}

/** What an expression makes of the text, so that filters read times as expressions do. */
function computedBy(name: "timestamp" | "duration", text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return String(evaluate(`${name}(${JSON.stringify(text)})`, {}));
  } catch {
    return undefined; // It is none.
  }
}
