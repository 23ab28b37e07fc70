import { parse as parseCel } from "@bufbuild/cel";
import { ExpressionError, type Range } from "./error.ts";

/** A parsed expression, with where its parts stand in the source. */
export interface Parsed {
  readonly expr: Expr;
  readonly source: string;
  rangeOf(expr: Expr): Range;
}

export type Expr = ReturnType<typeof parseCel>["expr"];
export type Comprehension = Extract<Expr["exprKind"], { case: "comprehensionExpr" }>["value"];

/** @throws {ExpressionError} with the place of the error. */
export function parse(source: string): Parsed {
  try {
    const { expr, sourceInfo } = parseCel(source);
    const positions = sourceInfo?.positions ?? {};
    const rangeOf = ({ id }: Expr): Range => {
      const start = afterSpace(source, Number(positions[String(id)] ?? 0));
      return { start, end: wordEnd(source, start) };
    };
    return { expr, source, rangeOf };
  } catch (error) {
    throw new ExpressionError(messageOf(error), placeOf(error, source));
  }
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

function present(expr: Expr | undefined): readonly Expr[] {
  return expr === undefined ? [] : [expr];
}

function messageOf(error: unknown): string {
  const { rawMessage, message } = error as { rawMessage?: string; message?: string };
  return `not an expression: ${rawMessage ?? message ?? String(error)}`;
}

function placeOf(error: unknown, source: string): Range {
  const { location } = error as { location?: { start?: { offset?: number } } };
  const start = Math.min(location?.start?.offset ?? 0, source.length);
  return { start, end: wordEnd(source, start) };
}

/** The parser places an operator at the space before it. */
function afterSpace(source: string, start: number): number {
  return start + (/^\s*/.exec(source.slice(start))?.[0].length ?? 0);
}

/** The end of the name or operator that begins at `start`. */
function wordEnd(source: string, start: number): number {
  const word = /^(?:\.?[A-Za-z_][A-Za-z0-9_]*|.)/s.exec(source.slice(start));
  return start + (word?.[0].length ?? 0);
}
