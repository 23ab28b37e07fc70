import { ExpressionError, evaluateBool } from "./expr.ts";
import type { Expression, Values } from "./template-types.ts";

/** Whether a condition of a task, `where` or `retry_if`, holds. One that fails does not. */
export function holds(condition: Expression, values: Values): boolean {
  try {
    return evaluateBool(condition, thawed(values));
  } catch (error) {
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}

/** `now` was frozen when the task was made, and kept as text. */
function thawed(values: Values): Values {
  return typeof values["now"] === "string" ? { ...values, now: new Date(values["now"]) } : values;
}
