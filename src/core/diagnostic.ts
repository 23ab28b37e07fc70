/** One finding about a template, a filter or an expression. */
export interface Diagnostic {
  /** Stable machine code in UPPER_SNAKE, for example `REFERENCE_UNKNOWN`. */
  readonly code: string;
  /** One sentence for people. */
  readonly message: string;
  /** `true`: publishing is refused. `false`: a warning. */
  readonly error: boolean;
  /** JSON Pointer (RFC 6901) to the place, in the names the author wrote. */
  readonly pointer: string;
  /** Line and column in the source text, both from 1. Absent without a source text. */
  readonly line?: number;
  readonly column?: number;
  /** Character range inside the expression, when the finding is about one. */
  readonly range?: { readonly start: number; readonly end: number };
  /** What to write instead, when that is known. */
  readonly suggestion?: string;
}
