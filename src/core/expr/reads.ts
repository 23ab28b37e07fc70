import { nearest } from "../nearest.ts";
import { childrenOf, type Expr, type Parsed, pathOf } from "./ast.ts";
import type { ExpressionFinding, Range } from "./error.ts";

/** A place where an expression reads a step of its run. */
export interface StepRead {
  readonly stepId: string;
  /** `undefined` for the step as a whole. */
  readonly field: string | undefined;
  /** The same expression asks before whether the step has an output. */
  readonly guarded: boolean;
  readonly range: Range;
}

/** Fields of the names whose shape is fixed. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  run: ["run_id", "template_id", "version", "labels", "start_time"],
  error: ["reason", "message", "permanent", "details", "attempt", "step"],
  agent: ["agent_id", "version", "labels", "capabilities", "state", "slots_free"],
};
const STEP_FIELDS = ["output", "state", "error", "attempt", "agent_id"];

export interface Reads {
  readonly findings: readonly ExpressionFinding[];
  readonly reads: readonly StepRead[];
  /** Steps that must have an output, or be in a state that was asked for, where the expression is true. */
  readonly tests: readonly string[];
  /** The root names it reads. */
  readonly roots: ReadonlySet<string>;
}

/** What an expression reads, and which of that does not exist. */
export function readsOf(parsed: Parsed, names: ReadonlySet<string>): Reads {
  const reader: Reader = { parsed, names, findings: [], reads: [], roots: new Set() };
  walk(reader, parsed.expr, { bound: new Set(), known: new Set() });
  const { findings, reads, roots } = reader;
  return { findings, reads, roots, tests: [...testsOf(parsed.expr, false)] };
}

interface Reader {
  readonly parsed: Parsed;
  readonly names: ReadonlySet<string>;
  readonly findings: ExpressionFinding[];
  readonly reads: StepRead[];
  readonly roots: Set<string>;
}

/** What holds at a place inside an expression. */
interface Place {
  /** Names of the loops around it. */
  readonly bound: ReadonlySet<string>;
  /** Steps that were asked about before. */
  readonly known: ReadonlySet<string>;
}

function walk(reader: Reader, expr: Expr, place: Place): void {
  const path = pathOf(withoutTest(expr));
  if (path !== undefined) walkPath(reader, expr, path, place);
  else if (expr.exprKind.case === "callExpr") walkCall(reader, expr, expr.exprKind.value, place);
  else if (expr.exprKind.case === "comprehensionExpr") {
    const { iterVar, iterVar2, accuVar, iterRange } = expr.exprKind.value;
    const inner = { ...place, bound: new Set([...place.bound, iterVar, iterVar2, accuVar]) };
    for (const child of childrenOf(expr)) walk(reader, child, child === iterRange ? place : inner);
  } else for (const child of childrenOf(expr)) walk(reader, child, place);
}

type Call = Extract<Expr["exprKind"], { case: "callExpr" }>["value"];

/** What is asked on the left of `&&`, `||` or `?` is known on the right. */
function walkCall(reader: Reader, expr: Expr, call: Call, place: Place): void {
  const [first, ...rest] = call.args;
  if (call.function === "_[_]" && first !== undefined && isSteps(first, place.bound)) {
    reader.findings.push(computedStep(reader.parsed.rangeOf(expr)));
    return;
  }
  if (first === undefined || !["_&&_", "_||_", "_?_:_"].includes(call.function)) {
    for (const child of childrenOf(expr)) walk(reader, child, place);
    return;
  }
  walk(reader, first, place);
  const after = (negated: boolean): Place => ({
    ...place,
    known: new Set([...place.known, ...testsOf(first, negated)]),
  });
  for (const [i, part] of rest.entries())
    walk(reader, part, after(i > 0 || call.function === "_||_"));
}

function walkPath(
  reader: Reader,
  expr: Expr,
  path: readonly string[],
  { bound, known }: Place,
): void {
  const { parsed, names, findings, reads, roots } = reader;
  const [root = "", first, second] = path;
  if (bound.has(root)) return;
  roots.add(root);
  if (!names.has(root)) {
    findings.push(unknownName(root, names, rootRange(parsed, expr)));
    return;
  }
  const range = { start: rootRange(parsed, expr).start, end: parsed.rangeOf(expr).end };
  const fields = FIELDS[root];
  if (fields !== undefined && first !== undefined && !fields.includes(first)) {
    findings.push(unknownField(root, first, fields, range));
  }
  if (root !== "steps") return;
  if (first === undefined) {
    findings.push(computedStep(range));
    return;
  }
  if (second !== undefined && !STEP_FIELDS.includes(second)) {
    findings.push(unknownField(`steps.${first}`, second, STEP_FIELDS, range));
  }
  // `has(steps.a.output.x)` fails where there is no output.
  const asks = isTest(expr) && path.length <= 3;
  const guarded = asks || second !== "output" || known.has(first);
  reads.push({ stepId: first, field: second, guarded, range });
}

function computedStep(range: Range): ExpressionFinding {
  return {
    code: "STEP_COMPUTED",
    message: "steps are read by name, as in steps.plan.output",
    range,
  };
}

/** Steps that an expression has asked about when it came out true (or false, if `negated`). */
function testsOf(expr: Expr, negated: boolean): ReadonlySet<string> {
  const { exprKind } = expr;
  if (isTest(expr)) return stepOf(withoutTest(expr), negated ? undefined : "output");
  if (exprKind.case !== "callExpr") return new Set();
  const { function: name, args } = exprKind.value;
  const [left, right] = args;
  if (name === "!_" && left !== undefined) return testsOf(left, !negated);
  if (left === undefined || right === undefined) return new Set();
  // A conjunction asks both when true, a disjunction when false.
  if (name === (negated ? "_||_" : "_&&_")) {
    return new Set([...testsOf(left, negated), ...testsOf(right, negated)]);
  }
  if (["_==_", "_!=_", "@in"].includes(name)) {
    return new Set([...stepOf(left, "state"), ...stepOf(right, "state")]);
  }
  return new Set();
}

function stepOf(expr: Expr, field: string | undefined): ReadonlySet<string> {
  const [root, stepId, read] = pathOf(expr) ?? [];
  return root === "steps" && stepId !== undefined && read === field && read !== undefined
    ? new Set([stepId])
    : new Set();
}

/** `has(a.b)` is a select with a flag. */
function isTest({ exprKind }: Expr): boolean {
  return exprKind.case === "selectExpr" && exprKind.value.testOnly;
}

function withoutTest(expr: Expr): Expr {
  const { exprKind } = expr;
  if (exprKind.case !== "selectExpr" || !exprKind.value.testOnly) return expr;
  return {
    ...expr,
    exprKind: { case: "selectExpr", value: { ...exprKind.value, testOnly: false } },
  };
}

function isSteps(expr: Expr, bound: ReadonlySet<string>): boolean {
  const path = pathOf(expr);
  return path?.length === 1 && path[0] === "steps" && !bound.has("steps");
}

function rootRange(parsed: Parsed, expr: Expr): Range {
  const { exprKind } = expr;
  const { operand } = exprKind.case === "selectExpr" ? exprKind.value : {};
  return operand === undefined ? parsed.rangeOf(expr) : rootRange(parsed, operand);
}

function unknownName(name: string, names: ReadonlySet<string>, range: Range): ExpressionFinding {
  const suggestion = nearest(name, names);
  return {
    code: "NAME_UNKNOWN",
    message: `${name} is not known here; known are ${[...names].join(", ")}`,
    range,
    ...(suggestion !== undefined && { suggestion }),
  };
}

function unknownField(
  of: string,
  field: string,
  fields: readonly string[],
  range: Range,
): ExpressionFinding {
  const suggestion = nearest(field, fields);
  return {
    code: "FIELD_UNKNOWN",
    message: `${of} has no field ${field}; it has ${fields.join(", ")}`,
    range,
    ...(suggestion !== undefined && { suggestion }),
  };
}
