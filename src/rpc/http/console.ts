import type { Logger } from "pino";

/** How the adapter begins what it writes about each stream that a caller dropped. */
const DROPPED = /^handler for rpc /;
const EVERY_MS = 10_000;

let quiet = false;

/**
 * The adapter writes twenty lines to the console for every dropped stream and
 * offers no option. Here they become one line in the log, at most every 10 s,
 * with their number. Everything else goes through.
 */
export function quietConsole(logger: Logger): void {
  if (quiet) return;
  quiet = true;
  let dropped = 0;
  let saidMs = Number.NEGATIVE_INFINITY;
  // biome-ignore lint/suspicious/noConsole: this is the one place that speaks to the adapter's console.
  const original = console.error.bind(console);
  console.error = (first: unknown, ...rest: unknown[]) => {
    if (typeof first !== "string" || !DROPPED.test(first)) {
      original(first, ...rest);
      return;
    }
    dropped++;
    if (performance.now() - saidMs < EVERY_MS) return;
    saidMs = performance.now();
    logger.info({ dropped }, "calls ended by their callers");
    dropped = 0;
  };
}
