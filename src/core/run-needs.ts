import type { Run, RunCommand } from "./run.ts";
import type { Plan } from "./template-plan.ts";

/**
 * Paths of the recorded outputs that a decision may read, so that the engine
 * loads no others: only the end of a task can start steps or end blocks. A
 * superset does no harm.
 */
export function outputsNeeded(run: Run, plan: Plan, command: RunCommand): readonly string[] {
  if (command.type !== "task_ended" || run.state !== "running") return [];
  const open = [...plan.steps.values()].filter(({ path }) => {
    const state = run.steps[path]?.state;
    return state === undefined || state === "running";
  });
  // A block that ends without an output map hands on the outputs of its own steps.
  const handedOn = [...plan.blocks.values()].flatMap(({ output, steps, outputReads }) =>
    output === undefined ? steps.map(({ path }) => path) : outputReads,
  );
  const wanted = new Set([...open.flatMap(({ reads }) => reads), ...plan.outputReads, ...handedOn]);
  return [...wanted].filter((path) => run.steps[path]?.state === "succeeded");
}
