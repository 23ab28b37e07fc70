import type {
  TaskAssignmentSchema,
  TaskReceiptSchema,
  TaskReport as TaskReportMessage,
  TaskSchema,
} from "../../gen/opscore/v1/task_pb.ts";
import { TaskState } from "../../gen/opscore/v1/task_pb.ts";
import type { TaskChangeSchema } from "../../gen/opscore/v1/workflow_pb.ts";
import type { Limits } from "../core/limits.ts";
import type { TaskChange } from "../core/run.ts";
import type { Task } from "../core/task.ts";
import type { TaskRecord } from "../engine/runs.ts";
import type { Assignment, TaskReceipt, TaskReport } from "../engine/tasks.ts";
import {
  fromDuration,
  fromFailure,
  fromPayload,
  type Init,
  required,
  toDuration,
  toFailure,
  toPayload,
  toTime,
} from "./convert.ts";
import { toHeld } from "./convert-agent.ts";
import { DISPOSITIONS, TASK_STATES } from "./states.ts";

/** A task without payloads. */
export function toTask({ task, leaseUntilMs, progress }: TaskRecord): Init<typeof TaskSchema> {
  return {
    ...identityOf(task),
    state: TASK_STATES[task.state],
    attempt: task.attempt,
    maxAttempts: task.retry.maxAttempts,
    leaseEpoch: task.leaseEpoch,
    ...(leaseUntilMs !== undefined && { leaseExpireTime: toTime(leaseUntilMs) }),
    ...(task.agentId !== undefined && { agentId: task.agentId }),
    ...(task.sessionId !== undefined && { sessionId: task.sessionId }),
    priority: task.priority,
    ...(task.failure && { failure: toFailure(task.failure) }),
    ...(progress && { progress: toHeld(progress) }),
    createTime: toTime(task.createdAtMs),
    ...(task.startedAtMs !== undefined && { startTime: toTime(task.startedAtMs) }),
    ...(task.endedAtMs !== undefined && { endTime: toTime(task.endedAtMs) }),
    ...(task.state === "retry_wait" && { nextAttemptTime: toTime(task.readyAtMs) }),
  };
}

/** A task with everything. */
export function toFullTask(record: TaskRecord): Init<typeof TaskSchema> {
  const input = toPayload(record.task.input);
  const output = toPayload(record.output);
  return { ...toTask(record), ...(input && { input }), ...(output && { output }) };
}

export function toAssignment(assignment: Assignment): Init<typeof TaskAssignmentSchema> {
  const { task, leaseUntilMs, deadlineMs, lastFailure } = assignment;
  const input = toPayload(task.input);
  return {
    ...identityOf(task),
    leaseEpoch: task.leaseEpoch,
    leaseExpireTime: toTime(leaseUntilMs),
    deadline: toTime(deadlineMs),
    attempt: task.attempt,
    templateId: task.templateId,
    templateVersion: task.templateVersion,
    ...(input && { input }),
    ...(lastFailure && { lastFailure: toFailure(lastFailure) }),
    labels: { ...task.labels },
    ...(task.timeouts.heartbeatMs !== undefined && {
      progressTimeout: toDuration(task.timeouts.heartbeatMs),
    }),
  };
}

function identityOf({ taskId, runId, stepPath, taskKey, capability, traceparent }: Task) {
  return { taskId, runId, stepPath, taskKey, capability, traceparent };
}

export function toReceipt(receipt: TaskReceipt): Init<typeof TaskReceiptSchema> {
  const { disposition, state, leaseUntilMs, cancelRequested } = receipt;
  return {
    disposition: DISPOSITIONS[disposition],
    state: TASK_STATES[state],
    ...(leaseUntilMs !== undefined && { leaseExpireTime: toTime(leaseUntilMs) }),
    cancelRequested,
  };
}

/** @throws {Refused} `too_large`, `invalid_field`. */
export function fromTaskReport(
  { taskId, leaseEpoch, report }: Pick<TaskReportMessage, "taskId" | "leaseEpoch" | "report">,
  pointer: string,
  limits: Limits,
): TaskReport {
  return { taskId, leaseEpoch, report: fromReport(report, pointer, limits) };
}

function fromReport(
  report: TaskReportMessage["report"],
  pointer: string,
  limits: Limits,
): TaskReport["report"] {
  switch (report.case) {
    case "ack":
      return { type: "ack" };
    case "complete": {
      const output = fromPayload(report.value.output, `${pointer}/output`, limits);
      return { type: "complete", ...(output !== undefined && { output }) };
    }
    case "fail": {
      const at = `${pointer}/failure`;
      return { type: "fail", failure: fromFailure(required(report.value.failure, at), at, limits) };
    }
    case "release": {
      const { notBefore, reason } = report.value;
      return { type: "release", notBeforeMs: fromDuration(notBefore) ?? 0, reason };
    }
    default:
      return required<TaskReport["report"]>(undefined, pointer);
  }
}

export function toTaskChange(change: TaskChange): Init<typeof TaskChangeSchema> {
  const { taskId, from, to, attempt, leaseEpoch, agentId, sessionId } = change;
  const { failure, readyAtMs, disposition } = change;
  return {
    taskId,
    fromState: from === undefined ? TaskState.UNSPECIFIED : TASK_STATES[from],
    toState: TASK_STATES[to],
    attempt,
    leaseEpoch,
    ...(agentId !== undefined && { agentId }),
    ...(sessionId !== undefined && { sessionId }),
    ...(failure && { failure: toFailure(failure) }),
    ...(readyAtMs !== undefined && { nextAttemptTime: toTime(readyAtMs) }),
    ...(disposition && { disposition: DISPOSITIONS[disposition] }),
  };
}
