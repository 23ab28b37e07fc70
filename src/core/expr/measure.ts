import type { Values } from "../template-types.ts";
import {
  type Comprehension,
  childrenOf,
  type Expr,
  loopOf,
  type Parsed,
  pickedPathOf,
} from "./ast.ts";
import { ExpressionError } from "./error.ts";
import { paySteps } from "./meter.ts";

const ITEMS_MAX = 1_000;
/** Steps of two loops, one inside the other. */
const PRODUCT_MAX = 10_000;

/** An item that is only known once the expression runs: it cannot be a range itself. */
const COMPUTED = Symbol("computed");

/** What a name can stand for while an expression runs: all the items it goes through. */
type Scope = ReadonlyMap<string, readonly unknown[]>;

/**
 * Measures every loop of an expression on the values it will run with, since the
 * library bounds none: at most 1,000 items, at most 10,000 steps of nested loops.
 *
 * @throws {ExpressionError}
 */
export function measure(parsed: Parsed, values: Values): void {
  const scope: Scope = new Map(Object.entries(values).map(([name, value]) => [name, [value]]));
  measureIn(parsed, parsed.expr, scope, 1);
}

function measureIn(parsed: Parsed, expr: Expr, scope: Scope, outer: number): void {
  const loop = loopOf(expr);
  if (loop === undefined) {
    for (const child of childrenOf(expr)) measureIn(parsed, child, scope, outer);
    return;
  }
  const { iterRange, iterVar, loopCondition, loopStep } = loop;
  measureIn(parsed, iterRange, scope, outer);
  const { size, items } = rangeOf(iterRange, scope);
  const range = parsed.rangeOf(expr);
  if (size > ITEMS_MAX) {
    throw new ExpressionError(`a loop over ${size} items; at most ${ITEMS_MAX} are allowed`, range);
  }
  if (outer > 1 && outer * size > PRODUCT_MAX) {
    const message = `nested loops of ${outer} times ${size} steps; at most ${PRODUCT_MAX} are allowed`;
    throw new ExpressionError(message, range);
  }
  const inner = new Map(scope).set(iterVar, items);
  const steps = Math.max(1, size) * outer;
  for (const part of [loopCondition, loopStep]) {
    paySteps(steps, partsOf(part));
    measureIn(parsed, part, inner, steps);
  }
}

function partsOf(expr: Expr): number {
  return childrenOf(expr).reduce((sum, child) => sum + partsOf(child), 1);
}

interface Measured {
  /** Of the longest list the range can be. */
  readonly size: number;
  /** Everything it can go through. */
  readonly items: readonly unknown[];
}

function rangeOf(range: Expr, scope: Scope): Measured {
  const { exprKind } = range;
  const loop = loopOf(range);
  if (loop !== undefined) return madeByLoop(loop, scope);
  const path = pickedPathOf(range);
  if (path !== undefined) return listsOf(path, scope);
  if (exprKind.case === "callExpr") {
    const parts = exprKind.value.args.map((part) => rangeOf(part, scope));
    return {
      size: parts.reduce((sum, { size }) => sum + size, 0),
      items: parts.flatMap(({ items }) => items),
    };
  }
  const parts = childrenOf(range);
  return { size: parts.length, items: parts.flatMap((part) => constantsOf(part, scope)) };
}

/** A filter goes through the items of its own range, a map through what it makes of them. */
function madeByLoop({ iterRange, iterVar, loopStep }: Comprehension, scope: Scope): Measured {
  const { size, items } = rangeOf(iterRange, scope);
  const inner = new Map(scope).set(iterVar, items);
  return { size, items: madeBy(loopStep, inner) };
}

/** The values that a loop step can append: `acc + [x]`, or that or `acc` by a condition. */
function madeBy({ exprKind }: Expr, scope: Scope): readonly unknown[] {
  if (exprKind.case !== "callExpr") return [];
  const { function: name, args } = exprKind.value;
  if (name === "_?_:_") return args.slice(1).flatMap((arg) => madeBy(arg, scope));
  return args.flatMap((arg) =>
    arg.exprKind.case === "listExpr"
      ? arg.exprKind.value.elements.flatMap((element) => constantsOf(element, scope))
      : [],
  );
}

function constantsOf(expr: Expr, scope: Scope): readonly unknown[] {
  if (expr.exprKind.case === "constExpr") return [undefined];
  const path = pickedPathOf(expr);
  return path === undefined ? [COMPUTED] : resolve(path, scope);
}

function listsOf(path: readonly string[], scope: Scope): Measured {
  const found = resolve(path, scope);
  if (found.includes(COMPUTED)) {
    throw new ExpressionError(`the range ${path.join(".")} is computed and cannot be measured`);
  }
  const lists = found.map((value) =>
    Array.isArray(value) ? (value as unknown[]) : Object.keys(isObject(value) ? value : {}),
  );
  return {
    size: lists.reduce((most, list) => Math.max(most, list.length), 0),
    items: lists.flat(),
  };
}

function resolve(path: readonly string[], scope: Scope): readonly unknown[] {
  const [root, ...fields] = path as readonly [string, ...string[]];
  return fields.reduce<readonly unknown[]>(
    (values, field) =>
      values.flatMap((value) => {
        if (value === COMPUTED) return [COMPUTED];
        if (Array.isArray(value)) return value.slice(Number(field), Number(field) + 1) as unknown[];
        return isObject(value) && Object.hasOwn(value, field) ? [value[field]] : [];
      }),
    scope.get(root) ?? [],
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
