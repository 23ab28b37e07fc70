import { evaluate } from "./expr.ts";
import type { Json } from "./json.ts";
import { refuseTooLarge } from "./payload-size.ts";
import type { Moves } from "./run-moves.ts";
import { keptValues, type RunValues } from "./run-values.ts";
import type { NewTask } from "./task.ts";
import type { StepPlan } from "./template-plan.ts";
import type { StepKind, Values } from "./template-types.ts";
import { parseCapability } from "./version.ts";

type TaskKind = Extract<StepKind, { type: "task" }>;

/** The task of a step that is ready. @throws ExpressionError, TooLarge */
export function newTaskOf(
  moves: Moves,
  step: StepPlan,
  kind: TaskKind,
  values: RunValues,
): NewTask {
  const { run, context } = moves;
  const taskId = context.newTaskId();
  const input = inputOf(kind, values);
  return {
    taskId,
    runId: run.runId,
    stepPath: step.path,
    templateId: run.templateId,
    templateVersion: run.templateVersion,
    labels: run.labels,
    taskKey: `${run.runId}/${step.path}`,
    traceparent: childOf(run.traceparent, taskId),
    selector: kind.agent,
    capability: parseCapability(kind.agent.capability ?? "").name,
    values: keptValues(values, [kind.agent.where, step.retry.retryIf]),
    priority: step.priority ?? run.priority,
    ...(input !== undefined && { input: refuseTooLarge(input, "the input") }),
    retry: step.retry,
    timeouts: step.timeouts,
    pointer: step.pointer,
  };
}

function inputOf({ literal, input, inputFrom }: TaskKind, values: Values): Json | undefined {
  if (inputFrom !== undefined) return evaluate(inputFrom, values);
  if (literal === undefined && input === undefined) return undefined;
  const mapped = Object.entries(input ?? {}).map(([name, source]) => [
    name,
    evaluate(source, values),
  ]);
  return { ...literal, ...Object.fromEntries(mapped) };
}

/** The trace context of the step: the run's trace, and a span named by the task. */
function childOf(traceparent: string, taskId: string): string {
  const [version = "00", traceId = "", , flags = "01"] = traceparent.split("-");
  const spanId = taskId
    .replace(/[^0-9a-f]/g, "")
    .slice(-16)
    .padStart(16, "1");
  return `${version}-${traceId}-${spanId}-${flags}`;
}
