import { CelScalar, celEnv, celFunc, isCelError, plan as planCel } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { type Expr, type Parsed, parse } from "./expr/ast.ts";
import { ExpressionError, type ExpressionFinding, type Range } from "./expr/error.ts";
import { guard, SOURCE_MAX } from "./expr/guards.ts";
import { JOIN_LISTS } from "./expr/lists.ts";
import { measure } from "./expr/measure.ts";
import { metered, startWork } from "./expr/meter.ts";
import { type Reads, readsOf, type StepRead } from "./expr/reads.ts";
import { toCel, toJson } from "./expr/values.ts";
import type { Json } from "./json.ts";
import type { Values } from "./template-types.ts";

export { ExpressionError };

/** What a check of an expression found. */
export interface CheckedExpression {
  readonly findings: readonly ExpressionFinding[];
  readonly reads: readonly StepRead[];
  /** Steps that are known to have run where the expression is true. */
  readonly tests: readonly string[];
}

const PLANS_MAX = 10_000;
const RESULT_MAX_BYTES = 256 * 1024;
const { DOUBLE, INT } = CelScalar;

/**
 * JSON numbers are doubles and `1` is an int: without these, `input.n + 1` fails.
 * Comparisons mix natively.
 */
const MIXED = (
  [
    ["_+_", (a, b) => a + b],
    ["_-_", (a, b) => a - b],
    ["_*_", (a, b) => a * b],
    ["_/_", (a, b) => a / b],
    ["_%_", (a, b) => a % b],
  ] as const satisfies readonly (readonly [string, (a: number, b: number) => number])[]
).flatMap(([name, calculate]) => [
  celFunc(name, [DOUBLE, INT], DOUBLE, (a, b) => calculate(a, Number(b))),
  celFunc(name, [INT, DOUBLE], DOUBLE, (a, b) => calculate(Number(a), b)),
]);

const REMAINDER = celFunc("_%_", [DOUBLE, DOUBLE], DOUBLE, (a, b) => a % b);
const ENV = metered(celEnv({ funcs: [...strings, ...MIXED, REMAINDER, JOIN_LISTS] }));

interface Plan {
  readonly parsed: Parsed;
  readonly run: (values: Record<string, unknown>) => unknown;
}

const plans = new Map<string, Plan>();

/** Parses and checks an expression that may read `names`. Never throws. */
export function checkExpression(source: string, names: ReadonlySet<string>): CheckedExpression {
  if (source.length > SOURCE_MAX) return brokenBy(tooLong(source));
  const parsed = parse(source);
  if ("code" in parsed) return brokenBy(parsed);
  const findings = guard(parsed);
  // What is far too large is not looked at any closer.
  const isHuge = findings.some(
    ({ code }) => code === "EXPRESSION_DEPTH" || code === "EXPRESSION_SIZE",
  );
  if (isHuge) return { findings, reads: [], tests: [] };
  const { reads, tests, findings: unknown } = readsOf(parsed, names);
  return { findings: [...findings, ...unknown], reads, tests };
}

/** The root names that an expression which passed its check reads. */
export function rootsOf(source: string): Reads["roots"] {
  return readsOf(planOf(source).parsed, new Set()).roots;
}

/** The syntax tree of an expression within the guards, for other languages over the same syntax. @throws {ExpressionError} */
export function parseExpression(source: string): {
  readonly expr: Expr;
  rangeOf(expr: Expr): Range;
} {
  return planOf(source).parsed;
}

/**
 * The value of an expression. Numbers of `values` are doubles; what a JSON value
 * cannot say is refused.
 *
 * @throws {ExpressionError}
 */
export function evaluate(source: string, values: Values): Json {
  const { parsed, run } = planOf(source);
  startWork();
  measure(parsed, values);
  const result = withoutStacks(() => run(toCel(values)));
  if (isCelError(result)) throw new ExpressionError(result.message, placeOf(parsed, result.exprId));
  const json = toJson(result as Parameters<typeof toJson>[0]);
  refuseLong(JSON.stringify(json));
  return json;
}

/** The library makes an error of every failure, also of those that `||` absorbs: most of that is the stack. */
function withoutStacks<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function placeOf({ rangeOf }: Parsed, id: bigint | undefined): Range | undefined {
  return id === undefined ? undefined : rangeOf({ id });
}

function refuseLong(result: string): void {
  const bytes = new TextEncoder().encode(result).length;
  if (bytes <= RESULT_MAX_BYTES) return;
  const message = `the result has ${bytes} bytes; at most ${RESULT_MAX_BYTES} are allowed`;
  throw new ExpressionError(message);
}

/** @throws {ExpressionError} also for a result that is no bool. */
export function evaluateBool(source: string, values: Values): boolean {
  const result = evaluate(source, values);
  if (typeof result !== "boolean") {
    throw new ExpressionError(`the result is no bool: ${JSON.stringify(result).slice(0, 100)}`);
  }
  return result;
}

/** Text with the values of its `${...}`. Strings stand as they are, everything else as JSON. @throws {ExpressionError} */
export function interpolate(text: string, values: Values): string {
  const parts = partsOf(text);
  if ("code" in parts) throw errorOf(parts);
  const whole = parts
    .map((part) => {
      if (typeof part === "string") return part;
      const value = evaluate(part.source, values);
      return typeof value === "string" ? value : JSON.stringify(value);
    })
    .join("");
  refuseLong(whole);
  return whole;
}

/** Checks the expressions of a text; ranges are in the text. Never throws. */
export function checkText(text: string, names: ReadonlySet<string>): CheckedExpression {
  const parts = partsOf(text);
  if ("code" in parts) return brokenBy(parts);
  const checked = parts.flatMap((part) => {
    if (typeof part === "string") return [];
    const { findings, reads } = checkExpression(part.source, names);
    const shifted = <T extends { readonly range: Range }>(item: T): T => ({
      ...item,
      range: { start: item.range.start + part.start, end: item.range.end + part.start },
    });
    return [{ findings: findings.map(shifted), reads: reads.map(shifted) }];
  });
  return {
    findings: checked.flatMap(({ findings }) => findings),
    reads: checked.flatMap(({ reads }) => reads),
    tests: [],
  };
}

/** The plan of an expression within the guards; the last ones used are kept. @throws {ExpressionError} */
function planOf(source: string): Plan {
  const known = plans.get(source);
  if (known !== undefined) {
    plans.delete(source);
    plans.set(source, known);
    return known;
  }
  if (source.length > SOURCE_MAX) throw errorOf(tooLong(source));
  const parsed = parse(source);
  if ("code" in parsed) throw errorOf(parsed);
  const [finding] = guard(parsed);
  if (finding !== undefined) throw errorOf(finding);
  const made = { parsed, run: planCel(ENV, parsed.expr) as Plan["run"] };
  plans.set(source, made);
  for (const oldest of plans.keys()) {
    if (plans.size <= PLANS_MAX) break;
    plans.delete(oldest);
  }
  return made;
}

interface Placeholder {
  readonly source: string;
  /** Where the source stands in the text. */
  readonly start: number;
}

/** Splits a text at its `${...}`; braces and quotes inside an expression belong to it. */
function partsOf(text: string): readonly (string | Placeholder)[] | ExpressionFinding {
  const parts: (string | Placeholder)[] = [];
  let at = 0;
  for (let open = text.indexOf("${"); open >= 0; open = text.indexOf("${", at)) {
    const start = open + 2;
    const end = closingBrace(text, start);
    if (end === undefined) {
      const message = "a placeholder without its closing brace";
      return { code: "EXPRESSION_SYNTAX", message, range: { start: open, end: text.length } };
    }
    parts.push(text.slice(at, open), { source: text.slice(start, end), start });
    at = end + 1;
  }
  return [...parts, text.slice(at)];
}

function closingBrace(text: string, start: number): number | undefined {
  let depth = 1;
  for (const { 0: token, index } of text.slice(start).matchAll(TOKENS)) {
    if (token === "{") depth++;
    if (token === "}" && --depth === 0) return start + index;
  }
  return undefined;
}

/** Strings and braces. */
const TOKENS = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{}]/gs;

function tooLong({ length }: string): ExpressionFinding {
  const message = `an expression may have ${SOURCE_MAX} characters at most`;
  return { code: "EXPRESSION_LENGTH", message, range: { start: 0, end: length } };
}

function errorOf({ message, range, suggestion }: ExpressionFinding): ExpressionError {
  return new ExpressionError(message, range, suggestion);
}

function brokenBy(finding: ExpressionFinding): CheckedExpression {
  return { findings: [finding], reads: [], tests: [] };
}
