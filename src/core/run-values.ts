import { rootsOf } from "./expr.ts";
import type { Json, JsonObject } from "./json.ts";
import { lookup } from "./lookup.ts";
import type { Run, RunContext, RunStep } from "./run.ts";
import type { Plan } from "./template-plan.ts";
import type { Expression, Failure, Values } from "./template-types.ts";

/** Where expressions stand: what they may read is known before they run. */
export interface Reading {
  /** Paths of the steps they can read. */
  readonly reads: readonly string[];
  /** Path of the step in whose fallback they stand, if they do: its failure is `error`. */
  readonly owner?: string | undefined;
}

/** What expressions read in a run: its state and outputs so far, and the time of the decision. */
export function valuesOf(plan: Plan, run: Run, context: RunContext, reading: Reading): Values {
  const error = reading.owner === undefined ? undefined : run.steps[reading.owner];
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
      reading.reads.map((path) => [
        lookup(plan.steps, path).id,
        stepValue(run.steps[path], context.outputOf(path)),
      ]),
    ),
    ...(error?.failure && { error: errorValue(error.failure, error.attempt ?? 0, ownerId) }),
  };
}

function stepValue(step: RunStep | undefined, output: Json | undefined): JsonObject {
  const { state = "pending", failure, attempt, agentId, fellBack } = step ?? {};
  const failed = failure !== undefined && (fellBack !== true || state === "failed");
  return {
    state,
    ...(state === "succeeded" && output !== undefined && { output }),
    ...(failed && { error: errorValue(failure, attempt ?? 0, "") }),
    ...(attempt !== undefined && { attempt }),
    ...(agentId !== undefined && { agent_id: agentId }),
  };
}

/** A failure as expressions see it. */
function errorValue(failure: Failure, attempt: number, step: string): JsonObject {
  const { reason, message, permanent = false, details = {} } = failure;
  return { reason, message, permanent, details, attempt, step };
}

/** Only what an expression reads of the values, to be kept with a task. */
export function keptValues(
  values: Values,
  expressions: readonly (Expression | undefined)[],
): Values {
  const roots = new Set(
    expressions.flatMap((source) => (source === undefined ? [] : [...rootsOf(source)])),
  );
  return Object.fromEntries(Object.entries(values).filter(([name]) => roots.has(name)));
}
