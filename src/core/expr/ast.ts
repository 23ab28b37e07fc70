import { parse as parseCel } from "@bufbuild/cel";
import type { ExpressionFinding, Range } from "./error.ts";

/** A parsed expression, with where its parts stand in the source. */
export interface Parsed {
  readonly expr: Expr;
  readonly source: string;
  rangeOf(expr: Pick<Expr, "id">): Range;
}

export type Expr = ReturnType<typeof parseCel>["expr"];
/** A loop; the parser always gives all its parts. */
export type Comprehension = {
  readonly [K in keyof Loop]-?: NonNullable<Loop[K]>;
};

type Loop = Extract<Expr["exprKind"], { case: "comprehensionExpr" }>["value"];

/** The loop that an expression is, if it is one. */
export function loopOf({ exprKind }: Expr): Comprehension | undefined {
  return exprKind.case === "comprehensionExpr" ? (exprKind.value as Comprehension) : undefined;
}

/** The syntax tree, or the error with its place. */
export function parse(source: string): Parsed | ExpressionFinding {
  if (bracketsIn(source) > BRACKETS_MAX) {
    const message = `more than ${BRACKETS_MAX} brackets are open inside each other`;
    return { code: "EXPRESSION_DEPTH", message, range: { start: 0, end: source.length } };
  }
  try {
    const { expr, sourceInfo } = parseCel(source);
    const { positions } = sourceInfo as NonNullable<typeof sourceInfo>;
    const rangeOf = ({ id }: Pick<Expr, "id">): Range => {
      const start = afterSpace(source, Number(positions[String(id)]));
      return { start, end: wordEnd(source, start) };
    };
    return { expr, source, rangeOf };
  } catch (error) {
    return {
      code: "EXPRESSION_SYNTAX",
      message: messageOf(error),
      range: placeOf(error, source),
    };
  }
}

/** The parser takes 600 ms for 500 brackets that are not closed. */
const BRACKETS_MAX = 64;
/** Strings and brackets. */
const TOKENS = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[([{]|[)\]}]/gs;

/** How many brackets are open at the same time, at most. */
function bracketsIn(source: string): number {
  let [open, most] = [0, 0];
  for (const [token] of source.matchAll(TOKENS)) {
    if ("([{".includes(token)) open++;
    if (")]}".includes(token)) open--;
    most = Math.max(most, open);
  }
  return most;
}

/** The parts of an expression, in source order. */
export function childrenOf({ exprKind }: Expr): readonly Expr[] {
  switch (exprKind.case) {
    case "selectExpr":
      return present(exprKind.value.operand);
    case "callExpr":
      return [...present(exprKind.value.target), ...exprKind.value.args];
    case "listExpr":
      return exprKind.value.elements;
    case "structExpr":
      return exprKind.value.entries.flatMap(({ keyKind, value }) => [
        ...(keyKind.case === "mapKey" ? [keyKind.value] : []),
        ...present(value),
      ]);
    case "comprehensionExpr": {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return [iterRange, accuInit, loopCondition, loopStep, result].flatMap(present);
    }
    default:
      return [];
  }
}

/** `a.b.c` as its names from the root; `undefined` for anything else. */
export function pathOf({ exprKind }: Expr): readonly string[] | undefined {
  if (exprKind.case === "identExpr") return [exprKind.value.name];
  if (exprKind.case !== "selectExpr" || exprKind.value.testOnly) return undefined;
  const { operand, field } = exprKind.value;
  const before = operand && pathOf(operand);
  return before && [...before, field];
}

/** A path whose parts can also be picked by a constant, as in `a['b-c'][0]`. */
export function pickedPathOf(expr: Expr): readonly string[] | undefined {
  const { exprKind } = expr;
  if (exprKind.case === "selectExpr" && !exprKind.value.testOnly) {
    const { operand, field } = exprKind.value;
    const before = operand && pickedPathOf(operand);
    return before && [...before, field];
  }
  if (exprKind.case !== "callExpr" || exprKind.value.function !== "_[_]") return pathOf(expr);
  const [operand, index] = exprKind.value.args;
  const before = operand && pickedPathOf(operand);
  const key = index && keyOf(index);
  return before && key !== undefined ? [...before, key] : undefined;
}

function keyOf({ exprKind }: Expr): string | undefined {
  if (exprKind.case !== "constExpr") return undefined;
  const { constantKind: key } = exprKind.value;
  return key.case === "stringValue" || key.case === "int64Value" ? String(key.value) : undefined;
}

function present(expr: Expr | undefined): readonly Expr[] {
  return expr === undefined ? [] : [expr];
}

function messageOf(error: unknown): string {
  const { rawMessage, message } = error as { rawMessage?: string; message?: string };
  // The parser names one half of a character that it does not expect.
  return `not an expression: ${rawMessage ?? message}`.toWellFormed();
}

function placeOf(error: unknown, source: string): Range {
  const { location } = error as { location?: { start?: { offset?: number } } };
  const start = Math.min(location?.start?.offset ?? 0, source.length);
  return { start, end: wordEnd(source, start) };
}

/** The parser places an operator at the space before it. */
function afterSpace(source: string, start: number): number {
  return source.length - source.slice(start).trimStart().length;
}

/** The end of the name or operator that begins at `start`. */
function wordEnd(source: string, start: number): number {
  const [word = ""] = /^(?:\.?[A-Za-z_][A-Za-z0-9_]*|.)/s.exec(source.slice(start)) ?? [];
  return start + word.length;
}
