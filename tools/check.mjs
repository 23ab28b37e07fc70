// Everything but the tests of behaviour: npm run check. Runs every step, then fails if one failed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const BIN = join(ROOT, "node_modules", ".bin");
const scratch = mkdtempSync(join(tmpdir(), "opscore-check-"));
const image = join(scratch, "proto.binpb");

const STEPS = [
  ["format and lint", () => run("biome", "ci", "--error-on-warnings")],
  ["types", () => run("tsc", "--noEmit")],
  ["proto dependencies", () => run("node", "tools/proto-deps.mjs")],
  ["proto lint", () => run("buf", "lint")],
  [
    "proto breaking changes",
    () =>
      run("buf", "build", "-o", image) &&
      run("buf", "breaking", image, "--against", "proto/base.binpb"),
  ],
  ["gen/ is fresh", () => run("buf", "generate", "-o", scratch) && isSame("gen")],
  ["docs are fresh", () => run("node", "tools/docs.ts", "--check")],
  ["rules of the house", () => run("vitest", "run", "test/house")],
];

const results = STEPS.map(([title, step]) => {
  process.stdout.write(`\n== ${title}\n`);
  const startedMs = performance.now();
  const passed = step();
  return { title, passed, seconds: ((performance.now() - startedMs) / 1000).toFixed(1) };
});
rmSync(scratch, { recursive: true, force: true });

process.stdout.write("\n== summary\n");
for (const { title, passed, seconds } of results) {
  process.stdout.write(`${passed ? "ok    " : "FAILED"}  ${title} (${seconds} s)\n`);
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;

function run(command, ...args) {
  const env = { ...process.env, PATH: BIN + delimiter + process.env["PATH"] };
  const shell = process.platform === "win32";
  const result = spawnSync(command, args, { cwd: ROOT, env, shell, stdio: "inherit" });
  if (result.error) process.stdout.write(`${command}: ${result.error.message}\n`);
  return result.status === 0;
}

/** Compares what was just generated with what is committed, whatever git says. */
function isSame(folder) {
  const fresh = textsOf(join(scratch, folder));
  const kept = textsOf(join(ROOT, folder));
  const names = [...new Set([...fresh.keys(), ...kept.keys()])].sort();
  const stale = names.filter((name) => fresh.get(name) !== kept.get(name));
  for (const name of stale) process.stdout.write(`${folder}/${name} is stale: run npm run gen\n`);
  return stale.length === 0;
}

function textsOf(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.map((file) => [file.slice(folder.length + 1), readFileSync(file, "utf8")]));
}
