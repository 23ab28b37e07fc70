import type { ExitName } from "./exit.ts";

/** Ends a command, said to the person in one line. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exit: ExitName;
  /** In upper case, as in docs/errors.md. */
  readonly reason: string | undefined;
  /** What to do about it. */
  readonly hint: string | undefined;

  constructor(
    exit: ExitName,
    message: string,
    more: { readonly reason?: string; readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.exit = exit;
    this.reason = more.reason;
    this.hint = more.hint;
  }
}

/** The command line itself is wrong. */
export function usage(message: string, hint?: string): CliError {
  return new CliError("usage", message, hint === undefined ? {} : { hint });
}
