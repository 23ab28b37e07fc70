import {
  AgentState as AgentStateMessage,
  Liveness as LivenessMessage,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LogEntryKind } from "../../gen/opscore/v1/logging_pb.ts";
import {
  Disposition as DispositionMessage,
  TaskState as TaskStateMessage,
} from "../../gen/opscore/v1/task_pb.ts";
import {
  RunState as RunStateMessage,
  StepState as StepStateMessage,
} from "../../gen/opscore/v1/workflow_pb.ts";
import type { AgentState, Liveness } from "../core/agent.ts";
import { Refused } from "../core/errors.ts";
import type { LogKind } from "../core/log.ts";
import type { RunState, StepState } from "../core/run.ts";
import type { Disposition, TaskState } from "../core/task.ts";

export const AGENT_STATES: Readonly<Record<AgentState, AgentStateMessage>> = {
  unspecified: AgentStateMessage.UNSPECIFIED,
  initializing: AgentStateMessage.INITIALIZING,
  idle: AgentStateMessage.IDLE,
  active: AgentStateMessage.ACTIVE,
  waiting: AgentStateMessage.WAITING,
  error: AgentStateMessage.ERROR,
  draining: AgentStateMessage.DRAINING,
  offline: AgentStateMessage.OFFLINE,
};

export const LIVENESS: Readonly<Record<Liveness, LivenessMessage>> = {
  unspecified: LivenessMessage.UNSPECIFIED,
  live: LivenessMessage.LIVE,
  suspect: LivenessMessage.SUSPECT,
  stalled: LivenessMessage.STALLED,
  lost: LivenessMessage.LOST,
};

export const RUN_STATES: Readonly<Record<RunState, RunStateMessage>> = {
  running: RunStateMessage.RUNNING,
  cancelling: RunStateMessage.CANCELLING,
  succeeded: RunStateMessage.SUCCEEDED,
  failed: RunStateMessage.FAILED,
  cancelled: RunStateMessage.CANCELLED,
};

export const STEP_STATES: Readonly<Record<StepState, StepStateMessage>> = {
  pending: StepStateMessage.PENDING,
  running: StepStateMessage.RUNNING,
  succeeded: StepStateMessage.SUCCEEDED,
  failed: StepStateMessage.FAILED,
  skipped: StepStateMessage.SKIPPED,
  cancelled: StepStateMessage.CANCELLED,
};

export const TASK_STATES: Readonly<Record<TaskState, TaskStateMessage>> = {
  queued: TaskStateMessage.QUEUED,
  assigned: TaskStateMessage.ASSIGNED,
  running: TaskStateMessage.RUNNING,
  retry_wait: TaskStateMessage.RETRY_WAIT,
  succeeded: TaskStateMessage.SUCCEEDED,
  failed: TaskStateMessage.FAILED,
  cancelled: TaskStateMessage.CANCELLED,
};

export const DISPOSITIONS: Readonly<Record<Disposition, DispositionMessage>> = {
  recorded: DispositionMessage.RECORDED,
  duplicate: DispositionMessage.DUPLICATE,
  late: DispositionMessage.LATE,
};

export const LOG_KINDS: Readonly<Record<LogKind, LogEntryKind>> = {
  operation: LogEntryKind.OPERATION,
  dropped: LogEntryKind.DROPPED,
};

const FROM_AGENT_STATES = new Map(
  Object.entries(AGENT_STATES).map(([name, state]) => [state, name as AgentState]),
);

/**
 * What an agent reports; `undefined` for UNSPECIFIED: unchanged.
 * @throws {Refused} `invalid_field` for a number without a meaning.
 */
export function fromAgentState(state: AgentStateMessage, pointer: string): AgentState | undefined {
  if (state === AgentStateMessage.UNSPECIFIED) return undefined;
  const name = FROM_AGENT_STATES.get(state);
  if (name !== undefined) return name;
  throw new Refused({ code: "invalid_field", pointer, message: `no agent state ${state}` });
}
