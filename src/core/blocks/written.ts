import { below } from "../template-findings.ts";
import type { Use } from "../template-scope.ts";
import type { Expression } from "../template-types.ts";

/** An expression and the place where its author wrote it. */
export interface Written {
  readonly pointer: string;
  readonly source: Expression;
  readonly use: Use;
  /** It is text in which `${...}` holds the expressions. */
  readonly text?: true;
}

/** The expressions of a map from field to expression. */
export function fieldExpressions(
  fields: Readonly<Record<string, Expression>> | undefined,
  pointer: string,
): readonly Written[] {
  return Object.entries(fields ?? {}).map(([key, source]) => ({
    pointer: below(pointer, key),
    source,
    use: "step",
  }));
}

/** One expression, if its author wrote it. */
export function expression(
  source: Expression | undefined,
  pointer: string,
  use: Use = "step",
): readonly Written[] {
  return source === undefined ? [] : [{ pointer, source, use }];
}
