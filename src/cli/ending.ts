import { CliError } from "./cli-error.ts";

/** What ends a command before it is done: Ctrl-C or --timeout. */
export interface Ending {
  /** Aborts with the CliError that the command ends with. From its first use Ctrl-C is heard. */
  readonly signal: AbortSignal;
  /** The reason, once there is one. */
  readonly reason: CliError | undefined;
}

export function createEnding(timeoutMs: number | undefined): Ending {
  const controller = new AbortController();
  let isHeard = false;
  if (timeoutMs !== undefined) {
    const message = `not done within ${timeoutMs / 1_000} s (--timeout)`;
    const timer = setTimeout(() => controller.abort(new CliError("timeout", message)), timeoutMs);
    timer.unref();
  }
  return {
    get signal() {
      // Not before: the server has its own way with signals.
      if (!isHeard) {
        process.once("SIGINT", () => controller.abort(new CliError("interrupted", "interrupted")));
      }
      isHeard = true;
      return controller.signal;
    },
    get reason() {
      return controller.signal.reason;
    },
  };
}
