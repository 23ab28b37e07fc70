import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { expect, test } from "vitest";
import { cliPage } from "../../tools/docs/cli-page.ts";
import { configPage } from "../../tools/docs/config-page.ts";
import { errorsPage } from "../../tools/docs/errors-page.ts";
import { limitsPage } from "../../tools/docs/limits-page.ts";

const NOT_OURS = new Set([
  ...[".git", ".opscore", ".proto-deps", "__pycache__", "coverage", "dist", "generated"],
  "node_modules",
  ...["LICENSE", "package-lock.json"],
]);
const BINARY = new Set([".binpb", ".png", ".db"]);

/** A path of somebody's machine, or a place to get packages from. */
const PRIVATE = /(?:^|[\s"'`(=:])\/(?:work|root|home|Users)\/[\w.]|\/\/registry\.|\bnpmjs\./m;

test("no file names somebody's machine or a registry", () => {
  const named = ours(".").filter((file) => PRIVATE.test(readFileSync(file, "utf8")));
  expect(named).toEqual([]);
});

test.each([
  ["docs/cli.md", cliPage],
  ["docs/config.md", configPage],
  ["docs/limits.md", limitsPage],
  ["docs/errors.md", errorsPage],
])("%s is what its table says", (file, page) => {
  expect(readFileSync(file, "utf8")).toBe(page());
});

test("CI runs what developers run", () => {
  expect(readFileSync(".ci/run", "utf8")).toMatch(/\nnpm run check\nnpm test\n$/);
  const steps = readFileSync(".github/workflows/ci.yml", "utf8").match(/- run: .*/g);
  expect(steps).toEqual(["- run: bash .ci/run"]);
});

test("every script installs first", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  const names = Object.keys(scripts).filter((name) => !name.startsWith("pre"));
  expect(names.filter((name) => scripts[`pre${name}`] !== "node tools/ensure.mjs")).toEqual([]);
});

/** Every text file of the project, committed or about to be. */
function ours(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !NOT_OURS.has(entry.name) && !BINARY.has(extname(entry.name)))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? ours(path) : entry.isFile() ? [path] : [];
    });
}
