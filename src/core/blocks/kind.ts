import { unreachable } from "../errors.ts";
import type { Findings } from "../template-findings.ts";
import type { StepPlan } from "../template-plan.ts";
import type { StepKind } from "../template-types.ts";
import { type Cost, FREE } from "./cost.ts";
import { checkFail, failExpressions } from "./fail.ts";
import { checkSet, setExpressions } from "./set.ts";
import { checkTask, taskCost, taskExpressions } from "./task.ts";
import type { Written } from "./written.ts";

/** The expressions of what a step does, in template order; `pointer` is the step's. */
export function kindExpressions(kind: StepKind, pointer: string): readonly Written[] {
  switch (kind.type) {
    case "task":
      return taskExpressions(kind, `${pointer}/task`);
    case "set":
      return setExpressions(kind, `${pointer}/set`);
    case "fail":
      return failExpressions(kind, `${pointer}/fail`);
    default:
      return unreachable(kind);
  }
}

/** What is wrong with what a step does, expressions aside; `pointer` is the step's. */
export function checkKind(
  kind: StepKind,
  pointer: string,
  levels: number,
  findings: Findings,
): void {
  switch (kind.type) {
    case "task":
      checkTask(kind, `${pointer}/task`, levels, findings);
      break;
    case "set":
      checkSet(kind, `${pointer}/set`, findings);
      break;
    case "fail":
      checkFail(kind, `${pointer}/fail`, findings);
      break;
    default:
      unreachable(kind);
  }
}

/** What a step itself can come to. Only tasks take time. */
export function kindCost(step: StepPlan): Cost {
  return step.kind.type === "task" ? taskCost(step) : FREE;
}
