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
    ...ending.flatMap(handedOn),
  ]);
  return [...wanted].filter((path) => stepOf(run, path)?.state === "succeeded");
}

/** A block has begun, and no step of it runs that the end of this task cannot end. */
function canEnd({ owner, steps }: BlockPlan, run: Run, { stepPath }: TaskEnded): boolean {
  const hasBegun = owner === undefined || stepOf(run, owner)?.state === "running";
  return (
    hasBegun &&
    steps.every(
      ({ path }) => stepOf(run, path)?.state !== "running" || `${stepPath}/`.startsWith(`${path}/`),
    )
  );
}

/** What the output of a block that ends is made of. */
function handedOn({ output, outputReads, mode, steps }: BlockPlan): readonly string[] {
  if (output !== undefined) return outputReads;
  // A sequence hands on what ends last: nothing recorded comes after the step of this decision.
  if (mode === "sequence") return [];
  return steps.map(({ path }) => path);
}
