import type { Logger } from "pino";
import type { Limits } from "../core/limits.ts";
import { failpoint } from "../failpoint.ts";
import type { Reserved, Store } from "../store/store.ts";
import type { Alarm } from "./alarm.ts";
import { SESSION_CHECKS, TIMERS } from "./keys.ts";

/** How often the process looks whether it stood still itself. */
const PULSE_MS = 50;
/** A gap between two pulses that is no usual delay. */
const PAUSE_MS = 1_000;
const RESERVE_MS = 10_000;
const CLAIM_MAX = 100;
const SWEEP_MAX = 1_000;

export interface TickerDeps {
  readonly store: Store;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly replicaId: string;
  readonly alarm: Alarm;
  /** Handles one due item; idempotent, and finishes the item by its token. */
  readonly handle: (item: Reserved, patience: Patience) => Promise<void>;
}

/**
 * Whether silence may be held against anybody. After a start, and after the
 * process itself stood still, agents get one lease to be heard again: their
 * beats wait in the sockets while we were away.
 */
export interface Patience {
  /** Until when no lease of this length is judged. Unix ms of the store. */
  untilMs(leaseMs: number): number;
}

/** Takes due items and has them handled, until `signal` aborts. What it forgets, the next sweep finds. */
export async function tick(deps: TickerDeps, signal: AbortSignal): Promise<void> {
  const { store, limits, logger, alarm } = deps;
  const patience = watchPauses(store, limits, signal);
  while (!signal.aborted) {
    let nextMs = store.nowMs() + limits.sweep_ms;
    try {
      alarm.clear();
      // Longer leases are judged later: by the handlers, who know them.
      const judge = store.nowMs() >= patience.untilMs(limits.lease_min_ms);
      const swept = await store.due({ limit: SWEEP_MAX, expireLeases: judge });
      if (swept.moved === SWEEP_MAX) nextMs = store.nowMs();
      else nextMs = Math.min(nextMs, swept.nextDueMs ?? nextMs);
      while ((await takeDue(deps, patience)) > 0); // Until nothing is ready.
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ err: error }, "a sweep failed, trying again");
    }
    await alarm.wait(store, nextMs, signal);
  }
}

async function takeDue(
  { store, replicaId, handle, logger }: TickerDeps,
  patience: Patience,
): Promise<number> {
  const queues = [TIMERS, SESSION_CHECKS].map((queue) => ({ queue, limit: CLAIM_MAX }));
  const items = await store.claim(queues, replicaId, RESERVE_MS);
  if (items.length > 0) failpoint("due.claimed");
  await Promise.all(
    items.map(async (item) => {
      try {
        await handle(item, patience);
        failpoint("due.handled");
      } catch (error) {
        // Its reservation runs out and it comes again.
        logger.error({ err: error, queue: item.queue, key: item.key }, "a due item failed");
      }
    }),
  );
  return items.length;
}

/** After the process stood still, silence is not judged for about as long. */
export function watchPauses(
  store: Pick<Store, "nowMs">,
  limits: Pick<Limits, "lease_max_ms">,
  signal: AbortSignal,
): Patience {
  // Nobody knows how long we were away before a start.
  let pauses = [{ endMs: store.nowMs(), gapMs: Number.POSITIVE_INFINITY }];
  // The process's own clock: a jump of the store's is no pause.
  let lastMs = performance.now();
  const look = () => {
    const gapMs = Math.ceil(performance.now() - lastMs);
    lastMs = performance.now();
    if (gapMs <= PAUSE_MS) return;
    const endMs = store.nowMs();
    const recent = pauses.filter((pause) => endMs - pause.endMs < limits.lease_max_ms);
    pauses = [...recent, { endMs, gapMs }];
  };
  const pulse = setInterval(look, PULSE_MS);
  signal.addEventListener("abort", () => clearInterval(pulse), { once: true });
  return {
    untilMs(leaseMs) {
      look(); // After a pause nobody knows which timer comes first, the pulse or a sweep.
      const graces = pauses.map(({ endMs, gapMs }) =>
        gapMs > leaseMs / 2 ? endMs + leaseMs : endMs + gapMs,
      );
      return Math.max(...graces);
    },
  };
}
