import { checkFieldNames, type Findings } from "../template-findings.ts";
import type { StepKind } from "../template-types.ts";
import { fieldExpressions, type Written } from "./written.ts";

type SetKind = Extract<StepKind, { type: "set" }>;

/** The expressions of a set, in template order. */
export function setExpressions(set: SetKind, pointer: string): readonly Written[] {
  return fieldExpressions(set.values, `${pointer}/values`);
}

/** The names of the values. */
export function checkSet(set: SetKind, pointer: string, findings: Findings): void {
  checkFieldNames(set.values, `${pointer}/values`, findings);
}
