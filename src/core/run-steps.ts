import { ExpressionError, evaluate, evaluateBool, interpolate } from "./expr.ts";
import type { Json, JsonObject } from "./json.ts";
import { lookup } from "./lookup.ts";
import { refuseTooLarge, TooLarge } from "./payload-size.ts";
import { stepOf } from "./run-fold.ts";
import type { Moves } from "./run-moves.ts";
import { newTaskOf } from "./run-tasks.ts";
import type { Reading } from "./run-values.ts";
import type { BlockPlan, StepPlan } from "./template-plan.ts";
import type { Expression, Failure } from "./template-types.ts";

const ENDED = new Set(["succeeded", "failed", "skipped", "cancelled"]);

/** Starts and ends what can be in a block, and in the blocks around it, until nothing follows. */
export function advance(moves: Moves, block: BlockPlan | undefined): void {
  let current = block;
  while (current !== undefined && moves.run.endedAtMs === undefined) {
    startReady(moves, current);
    current = endBlock(moves, current);
  }
}

/** The block that a step's end can move: its fallback if it fell back, else its own. */
export function endBlockOf({ plan, run }: Moves, step: StepPlan): BlockPlan | undefined {
  if (run.endedAtMs !== undefined) return undefined;
  const state = stepOf(run, step.path);
  if (state?.fellBack && state.state === "running" && step.fallback !== undefined) {
    return lookup(plan.blocks, step.fallback);
  }
  return nextOpen(plan.blocks.get(step.block), { plan, run });
}

/** A block whose owner has ended has nothing more to say: the one around it has. */
function nextOpen(
  block: BlockPlan | undefined,
  at: Pick<Moves, "plan" | "run">,
): BlockPlan | undefined {
  if (block?.owner === undefined) return block;
  const owner = lookup(at.plan.steps, block.owner);
  if (stepOf(at.run, owner.path)?.state === "running") return block;
  return nextOpen(at.plan.blocks.get(owner.block), at);
}

/** Starts steps until none is ready: a step that ends at once can make the next one ready. */
function startReady(moves: Moves, block: BlockPlan): void {
  for (const step of block.steps) {
    const isOpen = block.owner === undefined || moves.stateOf(block.owner) === "running";
    if (!isOpen || moves.run.endedAtMs !== undefined) return;
    const isReady = step.after.every((path) => ENDED.has(moves.stateOf(path)));
    if (isReady && moves.stateOf(step.path) === "pending") startStep(moves, block, step);
  }
  // In a graph a later step can be what an earlier one waits for.
  const again = block.steps.some(
    ({ path, after }) =>
      moves.stateOf(path) === "pending" &&
      after.every((before) => ENDED.has(moves.stateOf(before))),
  );
  if (again && moves.run.endedAtMs === undefined) startReady(moves, block);
}

function startStep(moves: Moves, block: BlockPlan, step: StepPlan): void {
  const reading: Reading = { reads: step.reads, owner: block.owner };
  attempt(moves, step, () => {
    const values = moves.values(reading);
    if (step.condition !== undefined && !evaluateBool(step.condition, values)) {
      moves.end(step.path, { to: "skipped" });
      return;
    }
    const { kind } = step;
    switch (kind.type) {
      case "set":
        moves.end(step.path, { to: "succeeded", output: fieldsOf(kind.values, moves, reading) });
        return;
      case "fail": {
        const message = interpolate(kind.message ?? "", values);
        failStep(moves, step, { reason: kind.reason, message, permanent: true });
        return;
      }
      case "task": {
        const task = newTaskOf(moves, step, kind, values);
        moves.record({ type: "task_queued", stepPath: step.path, task });
      }
    }
  });
}

/** An expression that fails, or a value that is too large, fails its step for good. */
function attempt(moves: Moves, step: StepPlan, work: () => void): void {
  try {
    work();
  } catch (error) {
    failStep(moves, step, failureOf(error));
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof ExpressionError) {
    return { reason: "EXPRESSION", message: error.message, permanent: true };
  }
  if (error instanceof TooLarge)
    return { reason: "TOO_LARGE", message: error.message, permanent: true };
  throw error;
}

/** A step failed for good: its fallback takes over, or its block bears it. */
export function failStep(
  moves: Moves,
  step: StepPlan,
  failure: Failure,
  facts: { readonly attempt?: number; readonly agentId?: string } = {},
): void {
  const placed = { ...failure, pointer: failure.pointer ?? step.pointer };
  const before = stepOf(moves.run, step.path);
  if (step.fallback !== undefined && !before?.fellBack) {
    moves.record({ type: "step_fell_back", stepPath: step.path, failure: placed, ...facts });
    advanceFallback(moves, step.fallback);
    return;
  }
  const cause = before?.fellBack ? before.failure : undefined;
  const whole = cause === undefined ? placed : { ...placed, cause };
  moves.end(step.path, { to: "failed", failure: whole, ...facts });
  if (step.onError === "fail") failBlock(moves, lookup(moves.plan.blocks, step.block), whole);
}

/** Runs a fallback as far as it goes now; the blocks around it are moved by whoever called. */
function advanceFallback(moves: Moves, path: string): void {
  const block = lookup(moves.plan.blocks, path);
  startReady(moves, block);
  endBlock(moves, block);
}

/** A block failed: its other steps are cancelled, and its owner fails, or the run. */
function failBlock(moves: Moves, block: BlockPlan, failure: Failure): void {
  if (block.owner === undefined) {
    outOf(moves, failure);
    return;
  }
  moves.cancelOpen(block.path, `step ${block.owner} failed`);
  failStep(moves, lookup(moves.plan.steps, block.owner), failure);
}

/** Ends the run as failed: everything still open is cancelled. */
export function outOf(moves: Moves, failure: Failure): void {
  moves.cancelOpen("", `the run failed: ${failure.reason}`);
  moves.record({ type: "failed", failure });
}

/** Ends a block whose steps have all ended; answers the block that this can move. */
function endBlock(moves: Moves, block: BlockPlan): BlockPlan | undefined {
  const { plan, run } = moves;
  if (run.endedAtMs !== undefined) return undefined;
  const owner = block.owner === undefined ? undefined : lookup(plan.steps, block.owner);
  const around = owner && plan.blocks.get(owner.block);
  if (owner !== undefined && moves.stateOf(owner.path) !== "running") return around;
  if (!block.steps.every(({ path }) => ENDED.has(moves.stateOf(path)))) return undefined;
  try {
    const output = outputOf(moves, block);
    if (owner === undefined) moves.record({ type: "succeeded", ...runOutput(moves, output) });
    else moves.end(owner.path, { to: "succeeded", ...(output !== undefined && { output }) });
  } catch (error) {
    failBlock(moves, block, { pointer: block.pointer, ...failureOf(error) });
  }
  return around;
}

function runOutput(moves: Moves, output: Json | undefined): { readonly output?: Json } {
  const { plan } = moves;
  if (plan.output !== undefined) {
    return { output: fieldsOf(plan.output, moves, { reads: plan.outputReads }) };
  }
  return output === undefined ? {} : { output };
}

/** Its `output` map, else the output of its last step that was not skipped, or a map by id. */
function outputOf(moves: Moves, block: BlockPlan): Json | undefined {
  if (block.output !== undefined) {
    return fieldsOf(block.output, moves, { reads: block.outputReads, owner: block.owner });
  }
  if (block.mode === "sequence") {
    const last = block.steps.findLast(({ path }) => moves.stateOf(path) !== "skipped");
    return last && moves.outputOf(last.path);
  }
  const byId = block.steps.flatMap(({ id, path }) => {
    const output = moves.outputOf(path);
    return output === undefined ? [] : [[id, output] as const];
  });
  return refuseTooLarge(Object.fromEntries(byId), "the output");
}

function fieldsOf(
  fields: Readonly<Record<string, Expression>>,
  moves: Moves,
  reading: Reading,
): JsonObject {
  const values = moves.values(reading);
  const made = Object.fromEntries(
    Object.entries(fields).map(([name, source]) => [name, evaluate(source, values)]),
  );
  return refuseTooLarge(made, "the output");
}
