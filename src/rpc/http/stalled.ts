import type { Writable } from "node:stream";

/** What is being sent to somebody. */
type Sending = Pick<Writable, "writableLength"> & { readonly bytesWritten?: number };

/**
 * Cuts whoever takes nothing of what waits for him from one look to the next. Neither
 * HTTP version has a timer for that: an answer to a peer that never reads it, or whose
 * window stays closed, would be held for ever.
 *
 * @returns ends the looking.
 */
export function cutStalled<T extends Sending>(
  open: () => Iterable<T>,
  stallMs: number,
  cut: (stalled: T) => void,
): () => void {
  let before = new Map<T, string>();
  const timer = setInterval(() => {
    const now = new Map<T, string>();
    for (const one of open()) {
      if (one.writableLength === 0) continue;
      const mark = `${one.writableLength} ${one.bytesWritten ?? ""}`;
      if (before.get(one) === mark) cut(one);
      else now.set(one, mark);
    }
    before = now;
  }, stallMs);
  return () => clearInterval(timer);
}
