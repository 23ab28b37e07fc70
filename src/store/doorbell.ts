/**
 * Wakes the waiters of this process. A bell is only a hint: who waits listens first, then looks,
 * so a write in between rings instead of being missed.
 */
export class Doorbell {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** The names that somebody waits for. */
  get names(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  ring(name: string): void {
    for (const wake of this.#waiting.get(name) ?? []) wake();
  }

  /**
   * Listens to some names, has a look, and resolves at the next ring of one of them, or at once
   * if there was something to see.
   *
   * @throws the reason of `signal` when it aborts.
   */
  async wait(names: readonly string[], signal: AbortSignal, look: () => boolean): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    for (const name of names) this.#listen(name, resolve);
    try {
      if (look()) return;
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      for (const name of names) this.#leave(name, resolve);
    }
  }

  #listen(name: string, wake: () => void): void {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) this.#waiting.set(name, new Set([wake]));
    else waiting.add(wake);
  }

  #leave(name: string, wake: () => void): void {
    const waiting = this.#waiting.get(name);
    waiting?.delete(wake);
    if (waiting?.size === 0) this.#waiting.delete(name);
  }
}
