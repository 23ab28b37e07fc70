import { Refused } from "../core/errors.ts";

/** What became of one item of a batch. */
export type Outcome<O> = { readonly value: O } | { readonly error: Error };

export interface BatcherOptions<I, O> {
  /** Carries out a batch. If it rejects, the outcome of every item is unknown. */
  readonly run: (items: readonly I[]) => Promise<readonly Outcome<O>[]>;
  /** Most items and bytes of one batch; a larger item goes alone. */
  readonly countMax: number;
  readonly bytesMax: number;
  /** Items that may wait; one more is `overloaded`. */
  readonly waitingMax: number;
}

interface Waiting<I, O> {
  readonly item: I;
  readonly bytes: number;
  readonly resolve: (value: O) => void;
  readonly reject: (error: unknown) => void;
}

const RETRY_AFTER_MS = 100;

/**
 * Gathers what can share a transaction: everything of one turn of the event loop, and everything
 * that arrives while a batch runs, is the next batch. No timer: alone, an item waits for nobody.
 */
export class Batcher<I, O> {
  readonly #options: BatcherOptions<I, O>;
  #waiting: Waiting<I, O>[] = [];
  #running: Promise<void> | undefined;
  #failure: Refused | undefined;

  constructor(options: BatcherOptions<I, O>) {
    this.#options = options;
  }

  /** @throws {Refused} `overloaded`. */
  submit(item: I, bytes: number): Promise<O> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#waiting.length >= this.#options.waitingMax) {
      return Promise.reject(new Refused({ code: "overloaded", retryAfterMs: RETRY_AFTER_MS }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<O>();
    this.#waiting.push({ item, bytes, resolve, reject });
    this.#running ??= this.#drain();
    return promise;
  }

  /** Takes nothing more, and rejects what waits; what runs is answered by its own batch. */
  fail(failure: Refused): void {
    this.#failure ??= failure;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    await new Promise(setImmediate);
    let running = this.#startNext();
    while (running !== undefined) {
      const settle = await running;
      // On its way before anybody hears of the one before, and works.
      running = this.#startNext();
      settle();
    }
    this.#running = undefined;
  }

  #startNext(): Promise<() => void> | undefined {
    return this.#waiting.length === 0 ? undefined : this.#runBatch(this.#take());
  }

  #take(): readonly Waiting<I, O>[] {
    const { countMax, bytesMax } = this.#options;
    let [count, bytes] = [0, 0];
    for (const next of this.#waiting) {
      if (count > 0 && (count === countMax || bytes + next.bytes > bytesMax)) break;
      count++;
      bytes += next.bytes;
    }
    return this.#waiting.splice(0, count);
  }

  /** @returns what tells everybody in the batch. */
  async #runBatch(batch: readonly Waiting<I, O>[]): Promise<() => void> {
    try {
      const outcomes = await this.#options.run(batch.map(({ item }) => item));
      return () => {
        for (const [i, waiting] of batch.entries()) settle(waiting, outcomes[i]);
      };
    } catch (error) {
      return () => {
        for (const { reject } of batch) reject(this.#failure ?? error);
      };
    }
  }
}

function settle<I, O>({ resolve, reject }: Waiting<I, O>, outcome: Outcome<O> | undefined): void {
  if (outcome === undefined) reject(new Error("the batch has no outcome for this item"));
  else if ("error" in outcome) reject(outcome.error);
  else resolve(outcome.value);
}
