import { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../../gen/opscore/v1/errors_pb.ts";

/** What every frame of a watch or a tail has. */
export interface Frame {
  /** Resume after this frame with this. */
  readonly cursor: string;
}

/** Opens the stream strictly after a cursor; "" is the beginning that the caller wants. */
export type OpenStream<F extends Frame> = (after: string, options: CallOptions) => AsyncIterable<F>;

/** How a watch goes on and when it ends. */
export interface WatchOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal;
  /** Where an earlier watch stopped. Absent: as `open` begins by itself. */
  readonly after?: string;
  /** Longest pause between two tries, in ms. Default 5,000. */
  readonly backoffMaxMs?: number;
  /** Hears of every interruption before the next try. */
  readonly onInterrupted?: (error: ConnectError) => void;
}

/** Errors after which the same stream can be opened again at the last cursor, whoever made them. */
const TRANSIENT: ReadonlySet<Code> = new Set([
  // Our own cancel ends the watch before.
  Code.Canceled,
  Code.Unavailable,
  Code.Internal,
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
]);
const BACKOFF_MIN_MS = 100;

/**
 * A watch that survives interruptions: yields every frame of a stream, and opens
 * it again after the last cursor when the server restarts, drains or cuts a slow
 * reader. Nothing is skipped and nothing comes twice.
 *
 * The call is aborted when the loop is left, by `break` or by a throw: leaving
 * `for await` alone would leave the call open.
 *
 * @throws {ConnectError} what no repeat can mend, for example an invalid filter.
 */
export async function* watch<F extends Frame>(
  open: OpenStream<F>,
  { signal, after = "", backoffMaxMs = 5_000, onInterrupted }: WatchOptions = {},
): AsyncGenerator<F, void> {
  const place = { cursor: after };
  let backoffMs = BACKOFF_MIN_MS;
  while (!signal?.aborted) {
    const from = place.cursor;
    const error = yield* framesUntilError(open, place, signal);
    if (error === undefined || signal?.aborted) return;
    if (!isTransient(error)) throw error;
    onInterrupted?.(error);
    backoffMs = place.cursor === from ? Math.min(backoffMaxMs, backoffMs * 2) : BACKOFF_MIN_MS;
    await pause(share() * backoffMs, signal);
  }
}

/** A connection over HTTP/1.1 that breaks shows as ABORTED, which the server too says, with a reason. */
function isTransient(error: ConnectError): boolean {
  if (TRANSIENT.has(error.code)) return true;
  return error.code === Code.Aborted && error.findDetails(ErrorDetailSchema).length === 0;
}

/** The frames of one call, noting the place after each; aborts the call however it is left. */
async function* framesUntilError<F extends Frame>(
  open: OpenStream<F>,
  place: { cursor: string },
  signal: AbortSignal | undefined,
): AsyncGenerator<F, ConnectError | undefined> {
  const leaving = new AbortController();
  const either = signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal]);
  try {
    for await (const frame of open(place.cursor, { signal: either })) {
      place.cursor = frame.cursor;
      yield frame;
    }
    return undefined;
  } catch (cause) {
    return ConnectError.from(cause);
  } finally {
    leaving.abort();
  }
}

/** Resolves after a time, or at once when `signal` aborts. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}

/** A random share of a delay: clients that were cut together do not come back together. */
function share(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 0xffff_ffff;
}
