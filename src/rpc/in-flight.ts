import { Refused } from "../core/errors.ts";

export interface InFlightLimits {
  readonly unary: number;
  readonly streams: number;
  readonly streamsPerPrincipal: number;
  /** A reader that takes nothing for this long is cut. */
  readonly stallMs: number;
}

/** Counts what is being worked on, and refuses early when it is too much. */
export interface InFlight {
  /** @throws {Refused} `overloaded`. */
  unary(): Disposable;
  /** @throws {Refused} `limit_reached`, `overloaded`. */
  stream(principal: string): Disposable;
  /** Calls `cut` unless disposed in time: a frame is with a reader that does not take it. */
  watchReader(cut: () => void): Disposable;
}

const RETRY_AFTER_MS = 1_000;
const LOOK_MS = 250;

export function createInFlight(limits: InFlightLimits, signal: AbortSignal): InFlight {
  let unary = 0;
  let streams = 0;
  const perPrincipal = new Map<string, number>();
  const waiting = new Set<{ readonly sinceMs: number; readonly cut: () => void }>();

  const look = setInterval(
    () => {
      const lateMs = performance.now() - limits.stallMs;
      for (const reader of waiting) {
        if (reader.sinceMs > lateMs) continue;
        waiting.delete(reader);
        reader.cut();
      }
    },
    Math.min(LOOK_MS, limits.stallMs),
  );
  look.unref();
  signal.addEventListener("abort", () => clearInterval(look), { once: true });

  return {
    unary() {
      if (unary >= limits.unary) throw overloaded();
      unary++;
      return { [Symbol.dispose]: () => void unary-- };
    },

    stream(principal) {
      const own = perPrincipal.get(principal) ?? 0;
      const { streamsPerPrincipal: value } = limits;
      if (own >= value) {
        const name = "streams_per_principal";
        throw new Refused({ code: "limit_reached", name, value, actual: own + 1 });
      }
      if (streams >= limits.streams) throw overloaded();
      streams++;
      perPrincipal.set(principal, own + 1);
      return {
        [Symbol.dispose]() {
          streams--;
          const left = (perPrincipal.get(principal) ?? 1) - 1;
          if (left === 0) perPrincipal.delete(principal);
          else perPrincipal.set(principal, left);
        },
      };
    },

    watchReader(cut) {
      const reader = { sinceMs: performance.now(), cut };
      waiting.add(reader);
      return { [Symbol.dispose]: () => void waiting.delete(reader) };
    },
  };
}

function overloaded(): Refused {
  return new Refused({ code: "overloaded", retryAfterMs: RETRY_AFTER_MS });
}
