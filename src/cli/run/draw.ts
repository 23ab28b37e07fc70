import { setInterval as every } from "node:timers/promises";
import type { Run } from "../../../gen/opscore/v1/workflow_pb.ts";
import type { Context } from "../context.ts";
import { isColorful, nowMs } from "../environment.ts";
import { createScreen, type Screen } from "../output/screen.ts";
import { createPainter, type Painter, styleOf } from "../output/style.ts";
import { cut } from "../output/text.ts";
import { awaitEnd } from "./await.ts";
import { linesOf, type StepLine } from "./step-line.ts";
import { ENDED, type Steps } from "./steps.ts";

const SPINNER = [..."⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"];
const FRAME_MS = 120;
const PROGRESS_MS = 1_000;
/** Tasks that are asked about at once. */
const ASKED_MAX = 16;

/** A run in one line. */
export type HeadOf = (run: Run) => string;

/** Shows a run's steps in place, with what their agents say of their progress. */
export async function drawUntilEnd(
  context: Context<Run>,
  run: Run,
  steps: Steps,
  head: HeadOf,
): Promise<Run> {
  const screen = createScreen();
  const paint = createPainter(isColorful(context.settings.color, process.stderr));
  const done = new AbortController();
  const signal = AbortSignal.any([context.signal, done.signal]);
  let shown = run;
  let frame = 0;
  const draw = (isLast: boolean) => {
    const lines = linesOf(steps.rows(), nowMs());
    const { columns, rows } = screen.size();
    // Two rows are left: one for the head, one for the cursor.
    const fitting = isLast ? lines : mostOpen(lines, rows - 2);
    const spinner = SPINNER[frame % SPINNER.length] ?? "";
    screen.draw([
      cut(head(shown), columns - 1),
      ...fitting.map((line) => lineOf(line, spinner, columns, paint)),
    ]);
  };
  const frames = eachInterval(FRAME_MS, signal, () => {
    frame += 1;
    draw(false);
  });
  const asked = eachInterval(PROGRESS_MS, signal, () => askProgress(context, steps, signal));
  try {
    shown = await awaitEnd(aside(context, screen), run.runId, (entries) => {
      for (const entry of entries) {
        steps.apply(entry);
        if (entry.body.case === "run") shown = { ...shown, state: entry.body.value.toState };
      }
    });
  } finally {
    done.abort();
    await Promise.all([frames, asked]);
  }
  draw(true);
  return shown;
}

/** What is said meanwhile comes above what is drawn. */
function aside<T>(context: Context<T>, screen: Screen): Context<T> {
  return {
    ...context,
    note(text) {
      screen.draw([]);
      context.note(text);
    },
  };
}

function lineOf(
  { glyph, state, text }: StepLine,
  spinner: string,
  columns: number,
  paint: Painter,
): string {
  const mark = paint(state === "RUNNING" ? spinner : glyph, styleOf(state));
  return ` ${mark} ${cut(text, columns - 4)}`;
}

/** What fits of the steps: those that have ended give way. */
function mostOpen(lines: readonly StepLine[], rows: number): readonly StepLine[] {
  if (lines.length <= rows) return lines;
  const open = lines.filter(({ state }) => !ENDED.has(state));
  const kept = open.slice(0, Math.max(1, rows - 1));
  const more = `${lines.length - kept.length} more steps`;
  return [...kept, { glyph: "…", state: "", text: more }];
}

/** How far tasks have come; what cannot be asked now is asked again later. */
async function askProgress(
  context: Context<Run>,
  steps: Steps,
  signal: AbortSignal,
): Promise<void> {
  const workflow = await context.ops.workflow();
  const open = steps.rows().filter(({ state, taskId }) => taskId !== "" && !ENDED.has(state));
  await Promise.all(
    open.slice(0, ASKED_MAX).map(async ({ taskId }) => {
      const answer = await workflow.getTask({ taskId }, { signal }).catch(() => undefined);
      if (answer?.task !== undefined) steps.see(answer.task);
    }),
  );
}

/** Does something again and again until `signal` aborts. */
async function eachInterval(
  ms: number,
  signal: AbortSignal,
  act: () => Promise<void> | void,
): Promise<void> {
  try {
    for await (const _ of every(ms, undefined, { signal })) await act();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
