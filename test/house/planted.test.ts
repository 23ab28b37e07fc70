import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BUGS, staleness } from "../../tools/planted/bugs.ts";

test("every planted bug still has its place, and the tests that catch it", () => {
  const sources = BUGS.map(({ file }) =>
    existsSync(file) ? readFileSync(file, "utf8") : undefined,
  );
  expect(BUGS.flatMap((bug, i) => staleness(bug, sources[i]))).toEqual([]);
  expect(BUGS.filter((bug) => !existsSync(bug.test))).toEqual([]);
  expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length);
});

test("a text that is missing or there twice is stale", () => {
  const bug = { name: "b", file: "f.ts", text: "x", becomes: "y", promise: "", test: "" };
  expect(staleness(bug, "a x b")).toEqual([]);
  expect(staleness(bug, "x x")).toEqual(["b: its text is 2 times in f.ts, not once"]);
  expect(staleness(bug, undefined)).toEqual(["b: its text is 0 times in f.ts, not once"]);
});
