import { nearest } from "../nearest.ts";
import {
  type Comprehension,
  childrenOf,
  type Expr,
  loopOf,
  type Parsed,
  pickedPathOf,
} from "./ast.ts";
import type { ExpressionFinding, Range } from "./error.ts";

/** Characters of an expression. */
export const SOURCE_MAX = 1024;
const NODES_MAX = 256;
const DEPTH_MAX = 32;
const NESTING_MAX = 2;
const PATTERN_MAX_BYTES = 256;

/**
 * Functions that an expression may call. The library has no cost limit, so what
 * can grow without bound (`replace`, `format`) is not here, and unknown names
 * are found before anything runs.
 */
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...["size", "int", "uint", "double", "string", "bool", "duration", "timestamp", "dyn", "type"],
  ...["contains", "startsWith", "endsWith", "matches"],
  ...["lowerAscii", "upperAscii", "trim", "split", "join", "indexOf", "lastIndexOf"],
  ...["substring", "charAt"],
  ...["getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"],
  ...["getHours", "getMinutes", "getSeconds", "getMilliseconds"],
]);

/** What is written like a function, and how. */
const MACROS: Readonly<Record<string, string>> = {
  has: "has(a.b)",
  all: "list.all(x, x > 0)",
  exists: "list.exists(x, x > 0)",
  exists_one: "list.exists_one(x, x > 0)",
  map: "list.map(x, x + 1)",
  filter: "list.filter(x, x > 0)",
};

/** The first guard that each part of the expression breaks; none: it may run. */
export function guard(parsed: Parsed): readonly ExpressionFinding[] {
  const found: ExpressionFinding[] = [];
  let nodes = 0;
  const walk = (expr: Expr, depth: number, nesting: number): void => {
    nodes++;
    if (nodes > NODES_MAX || depth > DEPTH_MAX) return;
    found.push(...brokenBy(parsed, expr, nesting));
    const inner = exprNesting(expr, nesting);
    for (const child of childrenOf(expr)) {
      walk(child, depth + 1, isRangeOf(expr, child) ? nesting : inner);
    }
  };
  const depth = depthOf(parsed.expr);
  const whole = { start: 0, end: parsed.source.length };
  if (depth > DEPTH_MAX) {
    const message = `the expression is nested ${depth} deep; at most ${DEPTH_MAX} is allowed`;
    return [{ code: "EXPRESSION_DEPTH", message, range: whole }];
  }
  walk(parsed.expr, 1, 0);
  if (nodes > NODES_MAX) {
    const message = `the expression has more than ${NODES_MAX} parts`;
    return [{ code: "EXPRESSION_SIZE", message, range: whole }];
  }
  return found;
}

function brokenBy(parsed: Parsed, expr: Expr, nesting: number): readonly ExpressionFinding[] {
  const { exprKind } = expr;
  const range = parsed.rangeOf(expr);
  if (exprKind.case === "callExpr") return brokenCall(exprKind.value, range);
  if (exprKind.case === "structExpr" && exprKind.value.messageName !== "") {
    const message = `there is no type ${exprKind.value.messageName}`;
    return [{ code: "EXPRESSION_FUNCTION", message, range }];
  }
  const loop = loopOf(expr);
  if (loop === undefined) return [];
  if (nesting >= NESTING_MAX) {
    const message = "loops (map, filter, all, exists) can be nested two deep at most";
    return [{ code: "EXPRESSION_NESTING", message, range }];
  }
  if (isMeasurable(loop.iterRange)) return [];
  const message =
    "a loop needs a range that can be measured: a path, a literal, a filter or map of one, or their sum";
  return [{ code: "EXPRESSION_RANGE", message, range }];
}

type Call = Extract<Expr["exprKind"], { case: "callExpr" }>["value"];

function brokenCall({ function: name, args }: Call, range: Range): readonly ExpressionFinding[] {
  if (name === "matches") return brokenPattern(args.at(-1), range);
  // Operators are written `_+_` and `@in` in the tree.
  if (/[^A-Za-z0-9_]/.test(name) || FUNCTIONS.has(name)) return [];
  // The parser has written out every macro that was called as it must be.
  if (Object.hasOwn(MACROS, name)) {
    const message = `${name} is called as in ${MACROS[name]}`;
    return [{ code: "EXPRESSION_FUNCTION", message, range }];
  }
  const suggestion = nearest(name, [...FUNCTIONS, ...Object.keys(MACROS)]);
  return [
    {
      code: "EXPRESSION_FUNCTION",
      message: `there is no function ${name}`,
      range,
      ...(suggestion !== undefined && { suggestion }),
    },
  ];
}

/** Patterns run in linear time (RE2), but they must be short, and known before they run. */
function brokenPattern(pattern: Expr | undefined, range: Range): readonly ExpressionFinding[] {
  const kind = pattern?.exprKind;
  const text =
    kind?.case === "constExpr" && kind.value.constantKind.case === "stringValue"
      ? kind.value.constantKind.value
      : undefined;
  if (text === undefined) {
    return [{ code: "EXPRESSION_PATTERN", message: "a pattern must be a constant", range }];
  }
  if (new TextEncoder().encode(text).length <= PATTERN_MAX_BYTES) return [];
  const message = `a pattern may have ${PATTERN_MAX_BYTES} bytes at most`;
  return [{ code: "EXPRESSION_PATTERN", message, range }];
}

/** A chain of filters and maps is not nested: only what runs inside a loop is. */
function exprNesting({ exprKind }: Expr, nesting: number): number {
  return exprKind.case === "comprehensionExpr" ? nesting + 1 : nesting;
}

function isRangeOf({ exprKind }: Expr, child: Expr): boolean {
  return exprKind.case === "comprehensionExpr" && exprKind.value.iterRange === child;
}

function isMeasurable(range: Expr): boolean {
  const { exprKind } = range;
  if (exprKind.case === "listExpr" || exprKind.case === "structExpr") return true;
  const loop = loopOf(range);
  if (loop !== undefined) return isListLoop(loop);
  if (exprKind.case === "callExpr" && exprKind.value.function === "_+_") {
    return exprKind.value.args.every(isMeasurable);
  }
  return pickedPathOf(range) !== undefined;
}

/** Whether a loop makes a list (map, filter) and its own range can be measured. */
function isListLoop({ accuInit, iterRange }: Comprehension): boolean {
  return accuInit.exprKind.case === "listExpr" && isMeasurable(iterRange);
}

function depthOf(expr: Expr): number {
  let deepest = 0;
  const stack: { expr: Expr; depth: number }[] = [{ expr, depth: 1 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    deepest = Math.max(deepest, next.depth);
    for (const child of childrenOf(next.expr)) stack.push({ expr: child, depth: next.depth + 1 });
  }
  return deepest;
}
