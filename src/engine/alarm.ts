import type { Commit, Store } from "../store/store.ts";

/**
 * Tells the ticker of this process when something becomes due before its next
 * sweep. Only a hint: what is due is in the store, and a sweep finds it anyway.
 */
export class Alarm {
  #nextMs = Number.POSITIVE_INFINITY;
  #wake: () => void = () => undefined;

  /** Notes everything that a commit makes due. */
  hear({ due = [] }: Commit): void {
    const nextMs = Math.min(...due.map(({ dueAtMs }) => dueAtMs));
    if (nextMs >= this.#nextMs) return;
    this.#nextMs = nextMs;
    this.#wake();
  }

  /** Forgets what was heard: call it before a sweep, which sees all of it. */
  clear(): void {
    this.#nextMs = Number.POSITIVE_INFINITY;
  }

  /** Resolves at `untilMs`, when something heard is due, or when `signal` aborts. */
  async wait(store: Store, untilMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const waitMs = Math.min(untilMs, this.#nextMs) - store.nowMs();
      if (waitMs <= 0 || signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, waitMs);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      clearTimeout(timer);
    }
  }
}
