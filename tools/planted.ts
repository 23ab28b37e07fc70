// Plants bugs in copies of the project, and shows that a test fails with each:
// npm run planted [-- --only NAME] [--list]
import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { BUGS, type Bug, staleness } from "./planted/bugs.ts";

const ROOT = join(import.meta.dirname, "..");
const AT_ONCE = 2;
/** More than any one of the tests takes, also on a busy machine. */
const RUN_MAX_MS = 240_000;

interface Outcome {
  readonly passed: number;
  /** Full names of the tests that failed. */
  readonly failed: readonly string[];
  readonly seconds: number;
  readonly timedOut: boolean;
}

const { values } = parseArgs({
  options: { only: { type: "string", multiple: true }, list: { type: "boolean", default: false } },
});
process.exitCode = await main(BUGS.filter(({ name }) => values.only?.includes(name) ?? true));

async function main(bugs: readonly Bug[]): Promise<number> {
  const stale = bugs.flatMap((bug) => staleness(bug, readFileSync(join(ROOT, bug.file), "utf8")));
  for (const message of stale) say(message);
  if (bugs.length === 0) say(`no planted bug is called ${values.only?.join(" or ")}`);
  if (stale.length > 0 || bugs.length === 0) return 1;
  if (values.list) {
    for (const { name, promise, test } of bugs) say(`${name.padEnd(28)}${test}  ${promise}`);
    return 0;
  }
  const scratch = mkdtempSync(join(tmpdir(), "opscore-planted-"));
  try {
    const copies = Array.from({ length: AT_ONCE }, (_, i) => copyTo(join(scratch, String(i))));
    const tests = [...new Set(bugs.map(({ test }) => test))];
    const sound = await inTurn(tests, copies, isSound);
    const caught = await inTurn(bugs, copies, isCaught);
    say(`${caught.filter(Boolean).length} of ${bugs.length} planted bugs are caught`);
    return [...sound, ...caught].every(Boolean) ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Each item with whichever copy is free. */
async function inTurn<T>(
  items: readonly T[],
  copies: readonly string[],
  work: (copy: string, item: T) => Promise<boolean>,
): Promise<boolean[]> {
  const left = items.values();
  const results = copies.map(async (copy) => {
    const own: boolean[] = [];
    for (const item of left) own.push(await work(copy, item));
    return own;
  });
  return (await Promise.all(results)).flat();
}

/** Without a bug, the tests pass. */
async function isSound(copy: string, test: string): Promise<boolean> {
  const { passed, failed, timedOut } = await run(copy, test);
  if (passed > 0 && failed.length === 0 && !timedOut) return true;
  say(`BASE FAILS  ${test} without a bug: ${failed[0] ?? "no test ran"}`);
  return false;
}

async function isCaught(copy: string, bug: Bug): Promise<boolean> {
  const path = join(copy, bug.file);
  const source = readFileSync(path, "utf8");
  writeFileSync(path, source.split(bug.text).join(bug.becomes));
  try {
    const { failed, seconds, timedOut } = await run(copy, bug.test);
    const by = failed.find((name) => name.includes(bug.named ?? ""));
    const fate = by === undefined ? "SURVIVED" : "caught";
    const how = timedOut ? `no end within ${RUN_MAX_MS / 1_000} s` : bug.promise;
    say(
      `${fate.padEnd(10)}${bug.name.padEnd(28)}${seconds.toFixed(1).padStart(6)} s  ${bug.test}  ${by ?? how}`,
    );
    return by !== undefined;
  } finally {
    writeFileSync(path, source);
  }
}

/** Runs the tests of a file. Only a test that failed counts: a file that cannot be loaded shows nothing. */
async function run(copy: string, test: string): Promise<Outcome> {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  const vitest = join(copy, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", test, "--bail=1", "--reporter=json", `--outputFile=${report}`];
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, { cwd: copy, stdio: "ignore", timeout: RUN_MAX_MS });
  const signal = await new Promise<string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (_, ended) => resolve(ended));
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  const results = signal === null ? resultsIn(report) : [];
  const failed = results.filter(({ status }) => status === "failed");
  return {
    passed: results.filter(({ status }) => status === "passed").length,
    failed: failed.map(({ fullName }) => fullName),
    seconds,
    timedOut: signal !== null,
  };
}

interface Result {
  readonly status: string;
  readonly fullName: string;
}

function resultsIn(report: string): readonly Result[] {
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as {
    readonly testResults: readonly { readonly assertionResults: readonly Result[] }[];
  };
  return testResults.flatMap(({ assertionResults }) => assertionResults);
}

/** A copy of everything that git knows or would add; packages are linked. @returns its path. */
function copyTo(folder: string): string {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { stdout } = spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  for (const file of stdout.split("\0").filter(Boolean)) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
  // One by one, so that what a run leaves beside them stays in the copy.
  const packages = join(ROOT, "node_modules");
  mkdirSync(join(folder, "node_modules"));
  for (const name of readdirSync(packages).filter((name) => !/^\.(vite|cache)/.test(name))) {
    symlinkSync(join(packages, name), join(folder, "node_modules", name));
  }
  return folder;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
