import { unreachable } from "./errors.ts";
import type { Run, RunEvent, RunStep, RunView } from "./run.ts";

/** The run after `events`. Total for every list `decideRun` made. */
export function foldRun(run: Run | undefined, events: readonly RunEvent[], nowMs: number): Run {
  const fold = (before: Run | undefined, event: RunEvent) => evolveRun(before, event, nowMs);
  return existing(events.reduce<Run | undefined>(fold, run));
}

/** The run after `event`. `undefined` is the run before it was started. */
export function evolveRun(run: Run | undefined, event: RunEvent, nowMs: number): Run {
  if (event.type === "started") {
    const { input: _, ...made } = event.run;
    return { ...made, state: "running", steps: {}, createdAtMs: nowMs };
  }
  const before = existing(run);
  switch (event.type) {
    case "task_queued":
      return withStep(before, event.stepPath, {
        state: "running",
        taskId: event.task.taskId,
        startedAtMs: nowMs,
      });
    case "step_fell_back": {
      const { stepPath, type: _, ...facts } = event;
      const { startedAtMs = nowMs, ...step } = stepOf(before, stepPath) ?? {};
      return withStep(before, stepPath, {
        ...step,
        ...facts,
        state: "running",
        fellBack: true,
        startedAtMs,
      });
    }
    case "step_ended":
      return withStep(
        before,
        event.stepPath,
        endedStep(stepOf(before, event.stepPath), event, nowMs),
      );
    case "cancelling": {
      const { reason, graceMs } = event;
      return { ...before, state: "cancelling", cancel: { reason, graceMs } };
    }
    case "succeeded":
      return { ...before, state: "succeeded", endedAtMs: nowMs };
    case "failed":
      return { ...before, state: "failed", failure: event.failure, endedAtMs: nowMs };
    case "cancelled":
      return { ...before, state: "cancelled", endedAtMs: nowMs };
    default:
      return unreachable(event);
  }
}

/** The fields of a run that filters can name. */
export function runView(run: Run): RunView {
  const { state, templateId, templateVersion, labels, priority, actor, createdAtMs } = run;
  return {
    state,
    templateId,
    templateVersion,
    labels,
    priority,
    actor,
    traceId: traceIdOf(run.traceparent),
    createdAtMs,
    ...(run.endedAtMs !== undefined && { endedAtMs: run.endedAtMs }),
    ...(run.failure !== undefined && { failureReason: run.failure.reason }),
  };
}

/** The trace id of a W3C trace context. */
export function traceIdOf(traceparent: string): string {
  return traceparent.split("-")[1] ?? "";
}

type StepEnded = Extract<RunEvent, { type: "step_ended" }>;

function endedStep(step: RunStep | undefined, event: StepEnded, nowMs: number): RunStep {
  const { to, failure, attempt, agentId } = event;
  return {
    ...(step ?? { startedAtMs: nowMs }),
    state: to,
    ...(failure !== undefined && { failure }),
    ...(attempt !== undefined && { attempt }),
    ...(agentId !== undefined && { agentId }),
    endedAtMs: nowMs,
  };
}

/** A step as it is recorded: ids like `constructor` are names that every object answers to. */
export function stepOf({ steps }: Run, stepPath: string): RunStep | undefined {
  return Object.hasOwn(steps, stepPath) ? steps[stepPath] : undefined;
}

function withStep(run: Run, stepPath: string, step: RunStep): Run {
  return { ...run, steps: { ...run.steps, [stepPath]: step } };
}

/** A run that must have been started. */
export function existing(run: Run | undefined): Run {
  if (run === undefined) throw new Error("an event of a run that was never started");
  return run;
}
