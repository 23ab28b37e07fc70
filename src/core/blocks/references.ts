import { checkExpression, checkText } from "../expr.ts";
import { nearest } from "../nearest.ts";
import type { Findings } from "../template-findings.ts";
import { type Scope, scopeOf } from "../template-scope.ts";
import type { Step } from "../template-types.ts";
import { mayLackOutput } from "./step.ts";
import type { Written } from "./written.ts";

/** What can be read where an expression stands. */
export interface Place {
  readonly scope: Scope;
  /** Steps by id. */
  readonly readable: ReadonlyMap<string, Step>;
  /** Ids of the steps that a condition around the expression has tested. */
  readonly tested: ReadonlySet<string>;
}

/** What an expression reads and tests, by step id. */
export interface Reading {
  readonly reads: readonly string[];
  readonly tests: readonly string[];
}

/** The ids of the steps an expression reads. Total for a checked template. */
export function readingOf(written: Written, scope: Scope): readonly string[] {
  return inspect(written, scope).reads.map(({ stepId }) => stepId);
}

/** Reports what is wrong with an expression, its references included. */
export function checkWritten(
  written: Written,
  place: Place,
  ids: ReadonlyMap<string, string>,
  findings: Findings,
): Reading {
  const { pointer } = written;
  const inspected = inspect(written, place.scope);
  for (const { code, message, range, suggestion } of inspected.findings) {
    findings.error(code, pointer, message, { range, suggestion });
  }
  for (const { stepId, field, guarded, range } of inspected.reads) {
    const step = place.readable.get(stepId);
    if (step === undefined) {
      reportUnreadable(stepId, { pointer, range }, place, ids, findings);
    } else if (field === "output" && !guarded && !place.tested.has(stepId) && mayLackOutput(step)) {
      findings.error(
        "REFERENCE_UNGUARDED",
        pointer,
        `Step ${stepId} may have no output: test it with has(steps.${stepId}.output) or by its state.`,
        { range },
      );
    }
  }
  return { reads: inspected.reads.map(({ stepId }) => stepId), tests: inspected.tests };
}

function reportUnreadable(
  stepId: string,
  at: {
    readonly pointer: string;
    readonly range: { readonly start: number; readonly end: number };
  },
  place: Place,
  ids: ReadonlyMap<string, string>,
  findings: Findings,
): void {
  const { pointer, range } = at;
  if (ids.has(stepId)) {
    const message = `Step ${stepId} cannot be read here: only earlier steps of this block and of those around it can.`;
    findings.error("REFERENCE_SCOPE", pointer, message, { range });
    return;
  }
  const suggestion = nearest(stepId, place.readable.keys());
  const message = `There is no step ${stepId}.`;
  findings.error("REFERENCE_UNKNOWN", pointer, message, { range, suggestion });
}

function inspect(written: Written, scope: Scope): ReturnType<typeof checkExpression> {
  const names = scopeOf(scope, written.use);
  return written.text ? checkText(written.source, names) : checkExpression(written.source, names);
}
