import type { Diagnostic } from "./diagnostic.ts";
import { Refused } from "./errors.ts";
import type { Expr } from "./expr/ast.ts";
import { pathOf } from "./expr/ast.ts";
import type { Range } from "./expr/error.ts";
import { ExpressionError, parseExpression } from "./expr.ts";
import type { CompareOp, FieldRef, Filter, FilterValue } from "./filter.ts";
import type { FieldKind, FieldTable } from "./filter-fields.ts";
import { constantOf, toFieldValue } from "./filter-values.ts";
import { nearest } from "./nearest.ts";

const FILTER_MAX_BYTES = 1024;
const COMPARISONS_MAX = 32;

const COMPARE: Readonly<Record<string, CompareOp>> = {
  "_==_": "==",
  "_!=_": "!=",
  "_<_": "<",
  "_<=_": "<=",
  "_>_": ">",
  "_>=_": ">=",
};
/** `1 < a` is `a > 1`. */
const TURNED: Readonly<Record<CompareOp, CompareOp>> = {
  "==": "==",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

/**
 * Parses a filter over the fields of a table; an empty text is no filter. `now`
 * in it is `nowMs`.
 *
 * @throws {Refused} `invalid_filter`, with the place and what to write instead.
 */
export function parseFilter(text: string, fields: FieldTable, nowMs: number): Filter | undefined {
  if (text.trim() === "") return undefined;
  const whole = { start: 0, end: text.length };
  if (new TextEncoder().encode(text).length > FILTER_MAX_BYTES) {
    throw invalid(`a filter may have ${FILTER_MAX_BYTES} bytes at most`, whole);
  }
  try {
    const { expr, rangeOf } = parseExpression(text);
    const parser = { fields, nowMs, rangeOf };
    const filter = filterOf(parser, expr);
    if (comparisonsIn(filter) > COMPARISONS_MAX) {
      throw invalid(`a filter may have ${COMPARISONS_MAX} comparisons at most`, whole);
    }
    return filter;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw invalid(error.message, error.range, error.suggestion);
  }
}

interface Parser {
  readonly fields: FieldTable;
  readonly nowMs: number;
  readonly rangeOf: (expr: Expr) => Range;
}

function filterOf(parser: Parser, expr: Expr): Filter {
  const { exprKind } = expr;
  if (exprKind.case === "selectExpr" && exprKind.value.testOnly) {
    const { operand, field } = exprKind.value;
    return {
      type: "has",
      field: fieldAt(parser, expr, [...((operand && pathOf(operand)) ?? []), field]),
    };
  }
  if (exprKind.case === "callExpr") return callOf(parser, expr, exprKind.value);
  const field = fieldOf(parser, expr);
  if (field !== undefined && kindOf(parser, field).type === "bool") {
    return { type: "compare", field, op: "==", value: true };
  }
  throw unsupported(parser, expr);
}

type Call = Extract<Expr["exprKind"], { case: "callExpr" }>["value"];

function callOf(parser: Parser, expr: Expr, call: Call): Filter {
  const [left, right] = call.args;
  if (left === undefined) throw unsupported(parser, expr);
  if (call.function === "!_") return { type: "not", item: filterOf(parser, left) };
  if (call.function === "startsWith") return prefixOf(parser, expr, call.target, left);
  if (right === undefined) throw unsupported(parser, expr);
  const op = COMPARE[call.function];
  if (op !== undefined) return comparison(parser, expr, left, op, right);
  switch (call.function) {
    case "_&&_":
      return joined("and", filterOf(parser, left), filterOf(parser, right));
    case "_||_":
      return joined("or", filterOf(parser, left), filterOf(parser, right));
    case "@in":
      return membership(parser, expr, left, right);
    default:
      throw unsupported(parser, expr);
  }
}

function prefixOf(parser: Parser, expr: Expr, target: Expr | undefined, argument: Expr): Filter {
  const field = target && fieldOf(parser, target);
  const prefix = constantOf(argument, parser.nowMs);
  if (field === undefined || typeof prefix !== "string") throw unsupported(parser, expr);
  return { type: "starts_with", field, prefix };
}

function joined(type: "and" | "or", ...items: readonly Filter[]): Filter {
  return { type, items: items.flatMap((item) => (item.type === type ? item.items : [item])) };
}

function comparison(parser: Parser, expr: Expr, left: Expr, op: CompareOp, right: Expr): Filter {
  const field = fieldOf(parser, left);
  if (field !== undefined) return compared(parser, field, op, right);
  const turned = fieldOf(parser, right);
  if (turned !== undefined) return compared(parser, turned, TURNED[op], left);
  throw unsupported(parser, expr);
}

function compared(parser: Parser, field: FieldRef, op: CompareOp, expr: Expr): Filter {
  const kind = kindOf(parser, field);
  if (kind.type === "enum" && op !== "==" && op !== "!=") {
    throw invalid(`${field.name} has no order; use == or in`, parser.rangeOf(expr));
  }
  return { type: "compare", field, op, value: wantedOf(parser, field, kind, expr) };
}

/** `field in [a, b]`, or `'name' in capabilities`. */
function membership(parser: Parser, expr: Expr, left: Expr, right: Expr): Filter {
  const { exprKind } = right;
  const field = fieldOf(parser, left);
  if (field !== undefined && exprKind.case === "listExpr") {
    const kind = kindOf(parser, field);
    const values = exprKind.value.elements.map((item) => wantedOf(parser, field, kind, item));
    return { type: "in", field, values };
  }
  const key = constantOf(left, parser.nowMs);
  const [name = ""] = pathOf(right) ?? [];
  const kind = Object.hasOwn(parser.fields, name) ? parser.fields[name] : undefined;
  if (typeof key === "string" && isKeyed(kind)) {
    return { type: "has", field: { name, key } };
  }
  throw unsupported(parser, expr);
}

function wantedOf(parser: Parser, field: FieldRef, kind: FieldKind, expr: Expr): FilterValue {
  const constant = constantOf(expr, parser.nowMs);
  if (constant === undefined) throw unsupported(parser, expr);
  const value = toFieldValue(kind, constant);
  if (value !== undefined) return value;
  const expected = kind.type === "enum" ? `one of ${kind.values.join(", ")}` : `a ${kind.type}`;
  throw invalid(
    `${field.name} is ${expected}`,
    parser.rangeOf(expr),
    suggestionFor(kind, constant),
  );
}

function suggestionFor(kind: FieldKind, constant: unknown): string | undefined {
  return kind.type === "enum" ? nearest(String(constant).toLowerCase(), kind.values) : undefined;
}

/** A field, plain, dotted, or picked from a map; `undefined` for what is no path. */
function fieldOf(parser: Parser, expr: Expr): FieldRef | undefined {
  const { exprKind } = expr;
  if (exprKind.case === "callExpr" && exprKind.value.function === "_[_]") {
    const [map, key] = exprKind.value.args;
    const path = map && pathOf(map);
    const name = key && constantOf(key, parser.nowMs);
    return path === undefined || typeof name !== "string"
      ? undefined
      : fieldAt(parser, expr, [...path, name]);
  }
  const path = pathOf(expr);
  return path === undefined || path[0] === "now" ? undefined : fieldAt(parser, expr, path);
}

function fieldAt({ fields, rangeOf }: Parser, expr: Expr, path: readonly string[]): FieldRef {
  const whole = path.join(".");
  if (Object.hasOwn(fields, whole) && !isKeyed(fields[whole])) return { name: whole };
  const [name = "", ...rest] = path;
  const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (kind?.type.endsWith("_map") && rest.length > 0) return { name, key: rest.join(".") };
  if (isKeyed(kind) && rest.length === 0) {
    throw invalid(`${name} is asked for by key, as in 'x' in ${name}`, rangeOf(expr));
  }
  const names = Object.keys(fields);
  const message = `there is no field ${whole}; known are ${names.join(", ")}`;
  throw invalid(message, rangeOf(expr), nearest(whole, names));
}

/** A map or a list of names is asked for by key. */
function isKeyed(kind: FieldKind | undefined): boolean {
  return kind !== undefined && (kind.type === "names" || kind.type.endsWith("_map"));
}

function kindOf({ fields }: Parser, { name, key }: FieldRef): FieldKind {
  const kind = fields[name] as FieldKind; // `fieldAt` has looked.
  return kind.type === "text_map" && key !== undefined ? { type: "text" } : kind;
}

function comparisonsIn(filter: Filter): number {
  if (filter.type === "not") return comparisonsIn(filter.item);
  if (filter.type === "in") return filter.values.length;
  if (filter.type !== "and" && filter.type !== "or") return 1;
  return filter.items.reduce((sum, item) => sum + comparisonsIn(item), 0);
}

function unsupported({ rangeOf }: Parser, expr: Expr): Refused {
  const message =
    "a filter compares fields with constants (== != < <= > >= in), joined by && || !, with has() and startsWith()";
  return invalid(message, rangeOf(expr));
}

function invalid(
  message: string,
  range: Range = { start: 0, end: 0 },
  suggestion?: string,
): Refused {
  const found: Diagnostic = {
    code: "FILTER_INVALID",
    message,
    error: true,
    pointer: "/filter",
    column: range.start + 1,
    range,
    ...(suggestion !== undefined && { suggestion }),
  };
  return new Refused({ code: "invalid_filter", diagnostics: [found] });
}
