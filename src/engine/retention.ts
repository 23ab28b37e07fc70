import type { Logger } from "pino";
import type { Limits } from "../core/limits.ts";
import type { JournalName, Store } from "../store/store.ts";

/** How often to look for what is too old. */
const EVERY_MS = 3_600_000;

/** Drops what is older than its retention, once an hour, until `signal` aborts. */
export async function retain(
  store: Store,
  limits: Limits,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const kept: Readonly<Record<JournalName, number>> = {
    agents: limits.journal_retention_ms,
    runs: limits.journal_retention_ms,
    logs: limits.log_retention_ms,
  };
  while (!signal.aborted) {
    for (const journal of ["agents", "runs", "logs"] as const) {
      try {
        const upTo = await store.positionBefore(journal, store.nowMs() - kept[journal]);
        if (upTo > 0n) await store.trim(journal, upTo);
      } catch (error) {
        logger.error({ err: error, journal }, "retention failed, trying again later");
      }
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, EVERY_MS);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }
}
