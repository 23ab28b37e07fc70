import type { Run, RunCommand } from "./run.ts";
import { stepOf } from "./run-fold.ts";
import type { BlockPlan, Plan } from "./template-plan.ts";

type TaskEnded = Extract<RunCommand, { type: "task_ended" }>;

/**
 * Paths of the recorded outputs that a decision may read, so that the engine
 * loads no others: only the end of a task can start steps or end blocks. A
 * superset does no harm.
 */
export function outputsNeeded(run: Run, plan: Plan, command: RunCommand): readonly string[] {
  if (command.type !== "task_ended" || run.state !== "running") return [];
  const open = [...plan.steps.values()].filter(({ path }) => {
    const state = stepOf(run, path)?.state;
    return state === undefined || state === "running";
  });
  const ending = [...plan.blocks.values()].filter((block) => canEnd(block, run, command));
  const wanted = new Set([
    ...open.flatMap(({ reads }) => reads),
    ...(canEnd(plan.main, run, command) ? plan.outputReads : []),
    ...ending.flatMap((block) => handedOn(block, run)),
  ]);
  return [...wanted].filter((path) => stepOf(run, path)?.state === "succeeded");
}

/** A block stays open while a step of it runs that the end of this task cannot end. */
function canEnd({ steps }: BlockPlan, run: Run, { stepPath }: TaskEnded): boolean {
  return steps.every(
    ({ path }) => stepOf(run, path)?.state !== "running" || `${stepPath}/`.startsWith(`${path}/`),
  );
}

/** What the output of a block that ends is made of. */
function handedOn({ output, outputReads, mode, steps }: BlockPlan, run: Run): readonly string[] {
  if (output !== undefined) return outputReads;
  const succeeded = steps.filter(({ path }) => stepOf(run, path)?.state === "succeeded");
  // Of a sequence only the last can still be handed on: steps after it end in this decision.
  return (mode === "sequence" ? succeeded.slice(-1) : succeeded).map(({ path }) => path);
}
