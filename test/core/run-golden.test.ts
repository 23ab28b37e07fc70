import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Run, RunEntryBody, RunEvent } from "../../src/core/run.ts";
import { evolveRun } from "../../src/core/run-fold.ts";

const FOLDER = new URL("../golden/", import.meta.url);

/**
 * Runs as earlier versions stored them: one entry of the journal a line, and the
 * state they came to in the last. A file is never changed: what it holds lies in
 * somebody's store.
 */
const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".jsonl"))
  .sort();

test("there are golden runs", () => {
  expect(files.length).toBeGreaterThan(0);
});

test.each(files)("%s folds to the state it was stored with", (name) => {
  const lines = readFileSync(new URL(name, FOLDER), "utf8").trimEnd().split("\n");
  const { state } = JSON.parse(lines.pop() ?? "") as { readonly state: Run };
  const entries = lines.map((line) => JSON.parse(line) as RunEntryBody);
  const fold = (run: Run | undefined, { event, atMs }: RunEntryBody) => {
    const told = eventOf(event);
    return told === undefined ? run : evolveRun(run, told, atMs);
  };
  expect(entries.reduce<Run | undefined>(fold, undefined)).toEqual(state);
});

/** A new task is stored as the change that made it; its later changes leave the run as it is. */
function eventOf(event: RunEntryBody["event"]): RunEvent | undefined {
  if (event.type === "template_published") return undefined;
  if (event.type !== "task_changed") return event;
  const { stepPath, task } = event;
  return task && { type: "task_queued", stepPath, task };
}
