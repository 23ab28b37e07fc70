import { once } from "node:events";
import { onTestFinished } from "vitest";
import { type Frame, type OpenStream, watch } from "../../src/client/index.ts";

const WAIT_MS = 15_000;

/** A watcher that notes all it sees, over as many streams as it takes. */
export interface Collector<E> {
  readonly entries: readonly E[];
  /** How often its stream was cut. */
  readonly interruptions: number;
  /** Resolves when what it has seen passes. Bounded. */
  until(passes: (entries: readonly E[]) => boolean): Promise<void>;
  leave(): Promise<void>;
}

/** Watches until the test ends, resuming by cursor; `open` is called with "" first. */
export function collect<E>(
  open: OpenStream<Frame & { readonly entries: readonly E[] }>,
): Collector<E> {
  const entries: E[] = [];
  const bell = new EventTarget();
  const leaving = new AbortController();
  let interruptions = 0;
  let failure: unknown;
  const run = async () => {
    const options = {
      signal: leaving.signal,
      backoffMaxMs: 200,
      onInterrupted: () => {
        interruptions++;
      },
    };
    for await (const frame of watch(open, options)) {
      entries.push(...frame.entries);
      bell.dispatchEvent(new Event("more"));
    }
  };
  const running = run().catch((error: unknown) => {
    failure = error;
    bell.dispatchEvent(new Event("more"));
  });
  const leave = async () => {
    leaving.abort();
    await running;
  };
  onTestFinished(leave);
  return {
    entries,
    get interruptions() {
      return interruptions;
    },
    async until(passes) {
      const signal = AbortSignal.timeout(WAIT_MS);
      while (!passes(entries)) {
        if (failure !== undefined) throw failure;
        await once(bell, "more", { signal }).catch((cause: unknown) => {
          throw new Error(`the watcher waited in vain, it saw ${entries.length} entries`, {
            cause,
          });
        });
      }
    },
    leave,
  };
}

/** The field of a request that says where a watch goes on: "" is the beginning of the journal. */
export function startAfter(after: string) {
  const start =
    after === ""
      ? ({ case: "since", value: { seconds: 0n, nanos: 0 } } as const)
      : ({ case: "after", value: after } as const);
  return { start: { start } };
}
