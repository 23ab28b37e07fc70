import { checkExpression, rootsOf } from "./expr.ts";
import type { Json, JsonObject } from "./json.ts";
import { lookup } from "./lookup.ts";
import type { Run, RunContext, RunStep } from "./run.ts";
import { stepOf } from "./run-fold.ts";
import type { Plan } from "./template-plan.ts";
import { scopeOf } from "./template-scope.ts";
import type { Expression, Failure, Values } from "./template-types.ts";

/** Every root name there is. */
const ALL_NAMES = scopeOf("fallback", "where");

/** Where expressions stand: what they may read is known before they run. */
export interface Reading {
  /** Paths of the steps they can read. */
  readonly reads: readonly string[];
  /** Path of the step in whose fallback they stand, if they do: its failure is `error`. */
  readonly owner?: string | undefined;
}

/** Values by root name; `steps` by step id. */
export type RunValues = Values & { readonly steps: JsonObject };

/** What expressions read in a run: its state and outputs so far, and the time of the decision. */
export function valuesOf(plan: Plan, run: Run, context: RunContext, reading: Reading): RunValues {
  const error = reading.owner === undefined ? undefined : stepOf(run, reading.owner);
  const ownerId = reading.owner === undefined ? "" : lookup(plan.steps, reading.owner).id;
  return {
    input: context.input ?? null,
    vars: plan.vars,
    run: {
      run_id: run.runId,
      template_id: run.templateId,
      version: run.templateVersion,
      labels: run.labels,
      start_time: new Date(run.createdAtMs).toISOString(),
    },
    now: new Date(context.nowMs),
    steps: Object.fromEntries(
      reading.reads.map((path) => {
        const { id } = lookup(plan.steps, path);
        return [id, stepValue(id, stepOf(run, path), context.outputOf(path))];
      }),
    ),
    ...(error?.failure && { error: errorValue(error.failure, error.attempt ?? 0, ownerId) }),
  };
}

function stepValue(id: string, step: RunStep | undefined, output: Json | undefined): JsonObject {
  const { state = "pending", failure, attempt, agentId, fellBack } = step ?? {};
  const failed = failure !== undefined && (fellBack !== true || state === "failed");
  return {
    state,
    ...(state === "succeeded" && output !== undefined && { output }),
    ...(failed && { error: errorValue(failure, attempt ?? 0, id) }),
    ...(attempt !== undefined && { attempt }),
    ...(agentId !== undefined && { agent_id: agentId }),
  };
}

/** A failure as expressions see it. */
function errorValue(failure: Failure, attempt: number, step: string): JsonObject {
  const { reason, message, permanent = false, details = {} } = failure;
  return { reason, message, permanent, details, attempt, step };
}

/** Only what expressions read of the values, steps they do not name left out, to be kept with a task. */
export function keptValues(
  values: RunValues,
  expressions: readonly (Expression | undefined)[],
): Values {
  const sources = expressions.filter((source) => source !== undefined);
  const roots = new Set(sources.flatMap((source) => [...rootsOf(source)]));
  const stepIds = new Set(sources.flatMap((source) => stepIdsOf(source)));
  const steps = Object.entries(values.steps).filter(([id]) => stepIds.has(id));
  const named = { ...values, steps: Object.fromEntries(steps) };
  return Object.fromEntries(Object.entries(named).filter(([name]) => roots.has(name)));
}

function stepIdsOf(source: Expression): readonly string[] {
  return checkExpression(source, ALL_NAMES).reads.map(({ stepId }) => stepId);
}
