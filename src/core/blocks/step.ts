import type { Limits } from "../limits.ts";
import { checkPlainText, type Findings } from "../template-findings.ts";
import type { Block, Step, StepDefaults } from "../template-types.ts";
import { checkKind, kindExpressions } from "./kind.ts";
import { checkInteger, checkRetry, checkTimeouts } from "./settings.ts";
import { expression, type Written } from "./written.ts";

const STEP_ID = /^[a-zA-Z][a-zA-Z0-9_]{0,63}$/;

/** The expressions of a step itself, in template order; those of its fallback are not among them. */
export function stepExpressions(step: Step, pointer: string): readonly Written[] {
  return [
    ...expression(step.condition, `${pointer}/if`),
    ...expression(step.retry?.retryIf, `${pointer}/retry/retry_if`, "retry_if"),
    ...(step.kind === undefined ? [] : kindExpressions(step.kind, pointer)),
  ];
}

/** Everything about a step that can be said without looking at another one. */
export function checkStepAlone(
  step: Step,
  pointer: string,
  context: {
    readonly limits: Limits;
    readonly defaults: StepDefaults | undefined;
    /** How deep constants may be nested here. */
    readonly levels: number;
    readonly findings: Findings;
  },
): void {
  const { limits, defaults, levels, findings } = context;
  if (!STEP_ID.test(step.id)) {
    findings.error(
      "ID_INVALID",
      `${pointer}/id`,
      "A step's id is a letter, then letters, digits or _, at most 64 characters.",
    );
  }
  checkPlainText(step.title, 256, `${pointer}/title`, findings);
  checkForTasksOnly(step, pointer, findings);
  checkRetry(step.retry, `${pointer}/retry`, limits, findings);
  checkTimeouts(step.timeouts, defaults, `${pointer}/timeouts`, limits, findings);
  checkInteger(step.priority, 1, 9, `${pointer}/priority`, findings);
  if (step.onError !== undefined && step.fallback !== undefined) {
    findings.error(
      "FIELD_CONFLICT",
      `${pointer}/on_error`,
      "`on_error` and `fallback` cannot stand together.",
    );
  }
  if (step.kind === undefined) {
    findings.error("KIND_MISSING", pointer, "Say what the step does: `task`, `set` or `fail`.");
  } else {
    checkKind(step.kind, pointer, levels, findings);
  }
}

function checkForTasksOnly(step: Step, pointer: string, findings: Findings): void {
  if (step.kind === undefined || step.kind.type === "task") return;
  for (const field of ["retry", "timeouts", "priority"] as const) {
    if (step[field] === undefined) continue;
    findings.error("FIELD_CONFLICT", `${pointer}/${field}`, `\`${field}\` is for tasks only.`);
  }
}

/** Whether the step can end well, or be passed over, without having an output. */
export function mayLackOutput(step: Step): boolean {
  return step.condition !== undefined || mayEndWithoutOutput(step);
}

function mayEndWithoutOutput({ onError, fallback }: Step): boolean {
  return onError === "continue" || (fallback !== undefined && blockMayLackOutput(fallback));
}

/** A sequence's output is that of its last step that was not skipped. */
function blockMayLackOutput(block: Block): boolean {
  if (block.output !== undefined || block.mode === "graph") return false;
  for (const step of block.steps.toReversed()) {
    if (mayEndWithoutOutput(step)) return true;
    if (step.condition === undefined) return false;
  }
  return true;
}
