import {
  type BoundsSchema,
  RunEntryKind,
  type RunEntrySchema,
  type RunSchema,
  RunState as RunStateMessage,
  type StepStatusSchema,
} from "../../gen/opscore/v1/workflow_pb.ts";
import { unreachable } from "../core/errors.ts";
import type { Run, RunEntryBody, RunEvent, RunStep } from "../core/run.ts";
import { traceIdOf } from "../core/run-fold.ts";
import type { Bounds } from "../core/template-types.ts";
import type { RunDetails, RunRecord } from "../engine/runs.ts";
import { byteLength, type Init, toDuration, toFailure, toPayload, toTime } from "./convert.ts";
import { toTaskChange } from "./convert-task.ts";
import { RUN_STATES, STEP_STATES } from "./states.ts";

/** Outputs of steps above this stay out of views of the run; entries and tasks have them. */
const STEP_OUTPUT_BYTES = 16 * 1024;
const STEPS_MAX = 1_000;

/** A run without payloads and steps. */
export function toRun({ run, revision }: RunRecord): Init<typeof RunSchema> {
  const startedAtMs = firstStart(run);
  return {
    runId: run.runId,
    templateId: run.templateId,
    templateVersion: run.templateVersion,
    templateDigest: run.templateDigest,
    state: RUN_STATES[run.state],
    ...(run.failure && { failure: toFailure(run.failure) }),
    labels: { ...run.labels },
    priority: run.priority,
    actor: run.actor,
    traceId: traceIdOf(run.traceparent),
    revision,
    createTime: toTime(run.createdAtMs),
    ...(startedAtMs !== undefined && { startTime: toTime(startedAtMs) }),
    ...(run.endedAtMs !== undefined && { endTime: toTime(run.endedAtMs) }),
    deadline: toTime(run.deadlineMs),
  };
}

/** A run with everything. `pending` are the paths of the steps that have not started. */
export function toFullRun(details: RunDetails, pending: readonly string[]): Init<typeof RunSchema> {
  const input = toPayload(details.input);
  const output = toPayload(details.output);
  return {
    ...toRun(details),
    ...(input && { input }),
    ...(output && { output }),
    steps: toSteps(details, pending),
  };
}

/** The open ones first, each kind in the order of its start. */
function toSteps(details: RunDetails, pending: readonly string[]) {
  const steps = Object.entries(details.run.steps).toSorted(
    ([, a], [, b]) => a.startedAtMs - b.startedAtMs,
  );
  const isOpen = ([, step]: readonly [string, RunStep]) => step.state === "running";
  const toStep = ([path, step]: readonly [string, RunStep]) => toStepStatus(path, step, details);
  return [
    ...steps.filter(isOpen).map(toStep),
    ...pending.map((stepPath) => ({ stepPath, state: STEP_STATES.pending })),
    ...steps.filter((step) => !isOpen(step)).map(toStep),
  ].slice(0, STEPS_MAX);
}

function toStepStatus(
  stepPath: string,
  step: RunStep,
  { outputs, openTasks }: RunDetails,
): Init<typeof StepStatusSchema> {
  const task = openTasks.get(stepPath);
  const attempt = task?.attempt ?? step.attempt;
  const agentId = task?.agentId ?? step.agentId;
  const output = outputs.get(stepPath);
  const payload =
    output !== undefined && byteLength(JSON.stringify(output)) <= STEP_OUTPUT_BYTES
      ? toPayload(output)
      : undefined;
  return {
    stepPath,
    state: STEP_STATES[step.state],
    ...(attempt !== undefined && { attempt }),
    ...(agentId !== undefined && { agentId }),
    ...(step.taskId !== undefined && { taskId: step.taskId }),
    ...(payload && { output: payload }),
    ...(step.failure && { failure: toFailure(step.failure) }),
    startTime: toTime(step.startedAtMs),
    ...(step.endedAtMs !== undefined && { endTime: toTime(step.endedAtMs) }),
  };
}

function firstStart({ steps }: Run): number | undefined {
  const starts = Object.values(steps).map(({ startedAtMs }) => startedAtMs);
  return starts.length === 0 ? undefined : Math.min(...starts);
}

export function toBounds({ tasks, attempts, timeMs }: Bounds): Init<typeof BoundsSchema> {
  return {
    maxTasks: tasks,
    maxAttempts: BigInt(attempts),
    ...(timeMs !== undefined && { maxTime: toDuration(timeMs) }),
  };
}

/** What an entry of the journal `runs` has beside its body. */
export interface EntryPlace {
  readonly position: bigint;
  readonly sequence: number;
  readonly id: string;
  readonly atMs: number;
}

export function toRunEntry(place: EntryPlace, body: RunEntryBody): Init<typeof RunEntrySchema> {
  return {
    position: place.position,
    sequence: place.sequence,
    runId: place.id,
    time: toTime(place.atMs),
    actor: body.actor,
    reason: body.reason ?? "",
    ...toBody(place, body),
  };
}

/** Whether the run has ended with this entry. */
export function endsRun({ event }: RunEntryBody): boolean {
  return event.type === "succeeded" || event.type === "failed" || event.type === "cancelled";
}

function toBody(place: EntryPlace, body: RunEntryBody): Init<typeof RunEntrySchema> {
  const { event } = body;
  switch (event.type) {
    case "task_changed":
      return {
        kind: event.late === true ? RunEntryKind.LATE_REPORT : RunEntryKind.TASK,
        stepPath: event.stepPath,
        body: { case: "task", value: toTaskChange(event) },
      };
    case "template_published": {
      const { templateId, version, digest } = event;
      return {
        runId: "",
        kind: RunEntryKind.TEMPLATE,
        body: { case: "template", value: { templateId, version, digest } },
      };
    }
    case "step_ended":
    case "step_fell_back":
      return toStepBody(event);
    default:
      return toRunBody(event, place, body);
  }
}

function toStepBody(
  event: Extract<RunEvent, { type: "step_ended" | "step_fell_back" }>,
): Init<typeof RunEntrySchema> {
  const fellBack = event.type === "step_fell_back";
  const output = fellBack ? undefined : toPayload(event.output);
  return {
    kind: RunEntryKind.STEP,
    stepPath: event.stepPath,
    body: {
      case: "step",
      value: {
        fromState: fellBack ? STEP_STATES.running : STEP_STATES[event.from],
        toState: fellBack ? STEP_STATES.running : STEP_STATES[event.to],
        ...(output && { output }),
        ...(event.failure && { failure: toFailure(event.failure) }),
      },
    },
  };
}

type RunStateEvent = Exclude<
  RunEntryBody["event"],
  { type: "task_changed" | "template_published" | "step_ended" | "step_fell_back" }
>;

function toRunBody(
  event: RunStateEvent,
  place: EntryPlace,
  { atMs, was, is, reason }: RunEntryBody,
): Init<typeof RunEntrySchema> {
  // Entries say what a filter needs; a state that did not change is said once.
  const before = event.type === "started" ? undefined : (was ?? is)?.state;
  const said = "reason" in event && reason === undefined ? { reason: event.reason } : {};
  return {
    ...said,
    kind: RunEntryKind.RUN,
    body: {
      case: "run",
      value: {
        fromState: before === undefined ? RunStateMessage.UNSPECIFIED : RUN_STATES[before],
        now: toTime(atMs),
        ...toRunState(event, place, atMs),
      },
    },
  };
}

function toRunState(event: RunStateEvent, place: EntryPlace, atMs: number) {
  switch (event.type) {
    case "started":
      return { toState: RUN_STATES.running, run: toNewRun(event, place, atMs) };
    case "succeeded": {
      const output = toPayload(event.output);
      return { toState: RUN_STATES.succeeded, ...(output && { output }) };
    }
    case "failed":
      return { toState: RUN_STATES.failed, failure: toFailure(event.failure) };
    case "cancelling":
      return { toState: RUN_STATES.cancelling };
    case "cancelled":
      return { toState: RUN_STATES.cancelled };
    default:
      return unreachable(event);
  }
}

/** A new run as it was accepted. */
function toNewRun(
  { run }: Extract<RunEvent, { type: "started" }>,
  { sequence }: EntryPlace,
  createdAtMs: number,
): Init<typeof RunSchema> {
  const { input: _, ...started } = run;
  return toRun({
    run: { ...started, state: "running", steps: {}, createdAtMs },
    revision: sequence,
  });
}

/** Whether nothing changes a run any more, late reports aside. */
export function hasEnded({ state }: Pick<Run, "state">): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}
