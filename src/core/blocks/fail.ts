import { checkPlainText, type Findings } from "../template-findings.ts";
import type { StepKind } from "../template-types.ts";
import type { Written } from "./written.ts";

type FailKind = Extract<StepKind, { type: "fail" }>;

const REASON = /^[A-Z][A-Z0-9_]{0,63}$/;

/** The expressions inside the message. */
export function failExpressions(fail: FailKind, pointer: string): readonly Written[] {
  if (fail.message === undefined) return [];
  return [{ pointer: `${pointer}/message`, source: fail.message, use: "step", text: true }];
}

/** The reason, and the length of the message. */
export function checkFail(fail: FailKind, pointer: string, findings: Findings): void {
  if (!REASON.test(fail.reason)) {
    findings.error(
      "REASON_INVALID",
      `${pointer}/reason`,
      "A reason is UPPER_SNAKE, 1 to 64 characters, like BAD_INPUT.",
    );
  }
  checkPlainText(fail.message, 4096, `${pointer}/message`, findings);
}
