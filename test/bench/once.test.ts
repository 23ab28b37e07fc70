import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { Row } from "../../bench/report.ts";

const LONGEST_MS = 120_000;
const SCENARIOS = ["reports", "runs", "dispatch", "tails", "start", "streams"];

/** CPU time and memory come from /proc. */
test.skipIf(process.platform !== "linux")(
  "the bench measures everything it names",
  async () => {
    const bench = spawn(process.execPath, ["bench/main.ts", "--once", "-o", "json"], {
      stdio: ["ignore", "pipe", "pipe"],
      signal: AbortSignal.timeout(LONGEST_MS),
    });
    const [said, complaints, [code]] = await Promise.all([
      text(bench.stdout),
      text(bench.stderr),
      once(bench, "exit"),
    ]);
    expect([code, complaints]).toEqual([0, ""]);
    const { environment, results } = JSON.parse(said) as {
      environment: { node: string };
      results: Record<string, readonly Row[]>;
    };
    expect(environment.node).toBe(process.version);
    expect(Object.keys(results)).toEqual(SCENARIOS);
    const { streams: _, ...measured } = results;
    expect(figuresOf(measured).filter(([, figure]) => !(figure > 0))).toEqual([]);
    // The memory of so few streams is less than what else changes.
    expect(figuresOf(results).filter(([, figure]) => !Number.isFinite(figure))).toEqual([]);
  },
  LONGEST_MS,
);

test("a name that the bench does not know is said to be unknown", async () => {
  const bench = spawn(process.execPath, ["bench/main.ts", "--only", "everything"]);
  const [complaints, [code]] = await Promise.all([text(bench.stderr), once(bench, "exit")]);
  expect([code, complaints]).toEqual([2, expect.stringContaining("There is no everything.")]);
  for (const name of SCENARIOS) expect(complaints).toContain(name);
});

function figuresOf(results: Readonly<Record<string, readonly Row[]>>) {
  return Object.values(results)
    .flat()
    .flatMap(({ what, median, ratio }): (readonly [string, number])[] => [
      [what, median],
      ...(ratio === undefined ? [] : [[`${what}, ratio`, ratio.value] as const]),
    ]);
}
