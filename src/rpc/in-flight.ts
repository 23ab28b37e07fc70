import { Refused } from "../core/errors.ts";

export interface InFlightLimits {
  readonly unary: number;
  readonly unaryPerPrincipal: number;
  readonly streams: number;
  readonly streamsPerPrincipal: number;
  /** Bytes of requests that are not answered yet. */
  readonly heldBytes: number;
  /** A reader that takes nothing for this long is cut. */
  readonly stallMs: number;
}

/** Counts what is being worked on, and refuses early when it is too much. */
export interface InFlight {
  /** @throws {Refused} `rate_limited`, `overloaded`. */
  unary(principal: string): Disposable;
  /** @throws {Refused} `limit_reached`, `overloaded`. */
  stream(principal: string): Disposable;
  /** Of one request, as it is read. */
  held(): Held;
  /** Calls `cut` unless disposed in time: a frame is with a reader that does not take it. */
  watchReader(cut: () => void): Disposable;
}

/** The bytes of one request, until it is answered. */
export interface Held extends Disposable {
  /** @throws {Refused} `overloaded`. */
  add(bytes: number): void;
}

const RETRY_AFTER_MS = 1_000;
const LOOK_MS = 250;

export function createInFlight(limits: InFlightLimits, signal: AbortSignal): InFlight {
  const waiting = new Set<{ readonly sinceMs: number; readonly cut: () => void }>();
  let heldBytes = 0;

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
    unary: slots(limits.unary, limits.unaryPerPrincipal, (value, actual) => {
      const met = { name: "unary_calls_per_principal", value, actual };
      return new Refused({ code: "rate_limited", ...met, retryAfterMs: RETRY_AFTER_MS });
    }),

    stream: slots(limits.streams, limits.streamsPerPrincipal, (value, actual) => {
      return new Refused({ code: "limit_reached", name: "streams_per_principal", value, actual });
    }),

    held() {
      let own = 0;
      return {
        add(bytes) {
          if (heldBytes + bytes > limits.heldBytes) throw overloaded();
          heldBytes += bytes;
          own += bytes;
        },
        [Symbol.dispose]() {
          heldBytes -= own;
          own = 0;
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

/** Counts calls of all and of each principal. */
function slots(
  max: number,
  ownMax: number,
  tooMany: (value: number, actual: number) => Refused,
): (principal: string) => Disposable {
  let all = 0;
  const perPrincipal = new Map<string, number>();
  return (principal) => {
    const own = perPrincipal.get(principal) ?? 0;
    if (own >= ownMax) throw tooMany(ownMax, own + 1);
    if (all >= max) throw overloaded();
    all++;
    perPrincipal.set(principal, own + 1);
    return {
      [Symbol.dispose]() {
        all--;
        const left = (perPrincipal.get(principal) ?? 1) - 1;
        if (left === 0) perPrincipal.delete(principal);
        else perPrincipal.set(principal, left);
      },
    };
  };
}

function overloaded(): Refused {
  return new Refused({ code: "overloaded", retryAfterMs: RETRY_AFTER_MS });
}
