/** Characters of a source, from 0; `end` is one past the last. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** An expression that does not parse, breaks a guard, or fails on its values. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
  readonly range: Range | undefined;
  readonly suggestion: string | undefined;

  constructor(message: string, range?: Range, suggestion?: string) {
    super(message.toWellFormed()); // Where it was cut may be inside a character.
    this.range = range;
    this.suggestion = suggestion;
  }
}

/** What is wrong with an expression, and where in its source. */
export interface ExpressionFinding {
  readonly code: string;
  readonly message: string;
  readonly range: Range;
  readonly suggestion?: string;
}
