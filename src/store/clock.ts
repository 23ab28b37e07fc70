/**
 * A clock that never goes back, in whole Unix ms. By itself it is monotonic time anchored to the
 * wall when the process started: a wall clock that is set later moves no timer. Tests bring their own.
 *
 * @param floorMs the latest time that the store already knows, from an earlier process.
 */
export function createClock(
  now: () => number = () => performance.timeOrigin + performance.now(),
  floorMs = 0,
): () => number {
  let lastMs = floorMs;
  return () => {
    lastMs = Math.max(lastMs, Math.floor(now()));
    return lastMs;
  };
}
