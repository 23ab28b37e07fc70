import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { LIVENESS_MOVES, TRANSITIONS } from "../../src/core/agent-states.ts";
import { RUN_MOVES } from "../../src/core/run-states.ts";
import { TASK_MOVES } from "../../src/core/task-states.ts";

const DECISION_LINES_MAX = 40;
const PAGES = globSync(["*.md", "docs/**/*.md"]);
const [AGENT, LIVENESS, TASK, RUN] = [
  ...readFileSync("docs/architecture.md", "utf8").matchAll(/stateDiagram-v2\n([\s\S]*?)```/g),
].map(([, diagram = ""]) => [...diagram.matchAll(/^ +(\w+) --> (\w+)/gm)]);

test.each([
  ["agent", AGENT, TRANSITIONS],
  ["liveness", LIVENESS, LIVENESS_MOVES],
  ["task", TASK, TASK_MOVES],
  ["run", RUN, RUN_MOVES],
])("every arrow of the diagram of %s is a move of the code", (_, arrows = [], table) => {
  expect(arrows.length).toBeGreaterThan(0);
  const moves = new Map<string, readonly string[]>(Object.entries(table));
  const stray = arrows.filter(([, from = "", to = ""]) => !moves.get(from)?.includes(to));
  expect(stray.map(([arrow]) => arrow)).toEqual([]);
  const drawn = new Set(arrows.flatMap(([, from, to]) => [from, to]));
  expect([...moves.keys()].filter((state) => !drawn.has(state))).toEqual([]);
});

test("links lead to files that are there", () => {
  const dead = PAGES.flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/\]\((?!\w+:|#)([^)#]+)[^)]*\)/g)]
      .filter(([, target = ""]) => !existsSync(join(dirname(page), target)))
      .map(([link]) => `${page} ${link}`),
  );
  expect(dead).toEqual([]);
});

test("decisions are numbered 1, 2, 3, ... and fit on a page", () => {
  const files = PAGES.filter((page) => page.startsWith("docs/decisions/")).sort();
  expect(files.length).toBeGreaterThan(0);
  files.forEach((file, index) => {
    const text = readFileSync(file, "utf8");
    const number = `${index + 1}`.padStart(4, "0");
    expect(file).toMatch(new RegExp(`^docs/decisions/${number}-[a-z0-9-]+\\.md$`));
    expect(text, file).toMatch(new RegExp(`^# ${index + 1}\\. `));
    expect(text.trimEnd().split("\n").length, file).toBeLessThanOrEqual(DECISION_LINES_MAX);
  });
});
