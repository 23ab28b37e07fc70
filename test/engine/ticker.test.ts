import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { watchPauses } from "../../src/engine/ticker.ts";

// A fraction of a millisecond made the store refuse every item that was put off until then.
test("patience after a pause ends at a whole millisecond, as all that is due does", async () => {
  const leaving = new AbortController();
  let nowMs = 0;
  const patience = watchPauses({ nowMs: () => nowMs }, { lease_max_ms: 3_600_000 }, leaving.signal);
  nowMs = 10_000_000;
  const endMs = performance.now() + 1_500;
  while (performance.now() < endMs); // The process stands still.
  await setTimeout(1_000);
  leaving.abort();
  const untilMs = patience.untilMs(3_600_000);
  expect(untilMs).toBeGreaterThan(nowMs);
  expect(Number.isInteger(untilMs)).toBe(true);
});
