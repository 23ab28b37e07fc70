import { ExpressionError, evaluateBool } from "./expr.ts";
import type { Expression, Values } from "./template-types.ts";

/** Whether a condition of a task, `where` or `retry_if`, holds. One that fails does not. */
export function holds(condition: Expression, values: Values): boolean {
  try {
    return evaluateBool(condition, values);
  } catch (error) {
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}
