import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, type TestContext, test } from "vitest";
import { makeFolder } from "../store/given.ts";
import { startChild } from "../store/spawn.ts";
import { Acknowledged, expectKept, problemsIn, readFolder } from "./kept.ts";
import { Disk } from "./power.ts";
import { Random, seedOf } from "./random.ts";
import { readTrace, type Step, straceArgs, whyNoStrace } from "./trace.ts";

const CUTS = Number(process.env["OPSCORE_TEST_CUTS"] ?? 300);
/** What a cut leaves is written and synced there a hundred times over. */
const MEMORY = "/dev/shm";
const WEAK_CUTS = 15;

test(`${CUTS} power cuts: nothing acknowledged is lost, nothing is torn`, async (context) => {
  await withTrace(context, async (steps, folder) => {
    const random = new Random(seedOf("power cuts"));
    const failures = await cutAgain(steps, folder, CUTS, random);
    expect(failures).toEqual([]);

    // The check of the check: without a sync at each commit, it must see what is lost.
    const weak = steps.filter((step) => !(step.type === "sync" && step.path.endsWith("-wal")));
    expect((await cutAgain(weak, folder, WEAK_CUTS, random)).length).toBeGreaterThan(0);
  });
}, 600_000);

/** Has a child work on a store below a folder until it is killed, and gives what it did. */
async function withTrace(
  context: TestContext,
  work: (steps: readonly Step[], folder: string) => Promise<void>,
): Promise<void> {
  const why = whyNoStrace();
  if (why !== undefined) {
    expect(process.env["CI"], `strace is needed: ${why}`).toBeUndefined();
    context.skip(`SKIPPED, strace is needed: ${why}`);
  }
  using folder = makeFolder();
  const out = join(folder.path, "trace");
  const traced = join(folder.path, "traced");
  const under = ["strace", ...straceArgs(out)];
  const child = startChild("work", join(traced, "store"), {
    under,
    failpoint: "log-day.removed:hit=3:kill",
  });
  await child.ended;
  await work(readTrace(out, traced), folder.path);
}

/** @returns what was wrong, cut by cut. */
async function cutAgain(
  steps: readonly Step[],
  folder: string,
  count: number,
  random: Random,
): Promise<readonly string[]> {
  using copies = makeFolder(existsSync(MEMORY) ? MEMORY : undefined);
  const left = join(copies.path, "left");
  const points = Array.from({ length: count }, () => random.below(steps.length)).sort(
    (a, b) => a - b,
  );
  const disk = new Disk();
  const acknowledged = new Acknowledged();
  const failures: string[] = [];
  let done = 0;
  for (const point of points) {
    for (const step of steps.slice(done, point)) {
      if (step.type === "said") acknowledged.hear(step.line);
      disk.apply(step, done++);
    }
    rmSync(left, { recursive: true, force: true });
    disk.cut(join(folder, "traced"), left, random);
    try {
      await check(join(left, "store"), acknowledged);
    } catch (error) {
      failures.push(`cut at ${point}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failures;
}

async function check(path: string, acknowledged: Acknowledged): Promise<void> {
  await readFolder(path, (store) => expectKept(store, acknowledged));
  expect(problemsIn(path)).toEqual([]);
}
