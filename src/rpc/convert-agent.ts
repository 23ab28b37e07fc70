import type { JsonValue } from "@bufbuild/protobuf";
import {
  type AgentBeat,
  AgentEntryKind,
  type AgentEntrySchema,
  type AgentSchema,
  type AgentSpec as AgentSpecMessage,
  type AgentSpecSchema,
  type DirectiveSchema,
  type HeldTask as HeldTaskMessage,
  type HeldTaskSchema,
  IfSessionLive,
  type SessionOptions as SessionOptionsMessage,
  type SessionSchema,
  type StateReport as StateReportMessage,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import type { AgentEntryBody, AgentEvent, AgentSpec } from "../core/agent.ts";
import { Refused, unreachable } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import type {
  AgentRecord,
  Beat,
  Directive,
  HeldTask,
  SessionOptions,
  SessionRecord,
  StateReport,
} from "../engine/agents.ts";
import {
  fromDetails,
  fromDuration,
  fromTime,
  type Init,
  textOrNothing,
  toDuration,
  toTime,
} from "./convert.ts";
import { AGENT_STATES, fromAgentState, LIVENESS } from "./states.ts";

export function fromSpec(spec: AgentSpecMessage): AgentSpec {
  const displayName = textOrNothing(spec.displayName);
  const description = textOrNothing(spec.description);
  const version = textOrNothing(spec.version);
  return {
    ...(displayName !== undefined && { displayName }),
    ...(description !== undefined && { description }),
    ...(version !== undefined && { version }),
    capabilities: spec.capabilities.map((capability) => ({
      name: capability.name,
      ...(capability.version !== "" && { version: capability.version }),
      ...(capability.description !== "" && { description: capability.description }),
      ...(capability.tags.length > 0 && { tags: capability.tags }),
    })),
    labels: spec.labels,
    slots: spec.slots === 0 ? 1 : spec.slots,
  };
}

function toSpec({ capabilities, ...spec }: AgentSpec): Init<typeof AgentSpecSchema> {
  return {
    ...spec,
    capabilities: capabilities.map(({ tags, ...rest }) => ({
      ...rest,
      ...(tags && { tags: [...tags] }),
    })),
  };
}

export function toAgent(record: AgentRecord): Init<typeof AgentSchema> {
  const { agent, revision, createdMs, updatedMs, slotsUsed, leaseUntilMs } = record;
  const { session } = agent;
  // A lease ends its length after the last beat that renewed it.
  const seenAtMs =
    session && leaseUntilMs !== undefined ? leaseUntilMs - session.leaseMs : agent.stateAtMs;
  return {
    agentId: agent.agentId,
    spec: toSpec(agent.spec),
    state: AGENT_STATES[agent.state],
    statusText: agent.statusText,
    ...(agent.details && { details: agent.details as Record<string, JsonValue> }),
    liveness: LIVENESS[agent.liveness],
    ...(session && {
      session: toSession({ session, ...(leaseUntilMs !== undefined && { leaseUntilMs }) }),
    }),
    slotsUsed,
    revision,
    createTime: toTime(createdMs),
    updateTime: toTime(updatedMs),
    stateTime: toTime(agent.stateAtMs),
    seenTime: toTime(seenAtMs),
  };
}

export function toSession({ session, leaseUntilMs }: SessionRecord): Init<typeof SessionSchema> {
  const { sessionId, agentId, epoch, peer, closedAtMs } = session;
  return {
    sessionId,
    agentId,
    epoch,
    openTime: toTime(session.openedAtMs),
    ...(closedAtMs !== undefined && { closeTime: toTime(closedAtMs) }),
    closeReason: session.closeReason ?? "",
    ...(leaseUntilMs !== undefined && { leaseExpireTime: toTime(leaseUntilMs) }),
    heartbeatInterval: toDuration(session.leaseMs / 3),
    peer,
  };
}

/** @throws {Refused} `invalid_field` for a lease outside its limits. */
export function fromSessionOptions(
  options: SessionOptionsMessage | undefined,
  pointer: string,
  peer: string,
  limits: Limits,
): SessionOptions {
  const leaseMs = fromDuration(options?.leaseDuration) ?? limits.lease_ms;
  if (leaseMs < limits.lease_min_ms || leaseMs > limits.lease_max_ms) {
    throw new Refused({
      code: "invalid_field",
      pointer: `${pointer}/leaseDuration`,
      message: `must be from ${limits.lease_min_ms} ms to ${limits.lease_max_ms} ms`,
    });
  }
  return { leaseMs, ifLive: options?.ifLive === IfSessionLive.FAIL ? "fail" : "take_over", peer };
}

export function fromHeld(held: HeldTaskMessage): HeldTask {
  const { taskId, leaseEpoch, progress, ratio, note } = held;
  return { taskId, leaseEpoch, progress, ratio, note };
}

export function toHeld(held: HeldTask): Init<typeof HeldTaskSchema> {
  return { ...held };
}

/** @throws {Refused} `invalid_field`. */
export function fromBeat(beat: AgentBeat, pointer: string): Beat {
  const { agentId, sessionId, epoch, statusText, held } = beat;
  const state = fromAgentState(beat.state, `${pointer}/state`);
  return {
    agentId,
    sessionId,
    epoch,
    ...(state !== undefined && { state, statusText }),
    held: held.map(fromHeld),
  };
}

/** @throws {Refused} `invalid_field`, `too_large`. */
export function fromStateReport(
  report: StateReportMessage,
  pointer: string,
  limits: Limits,
): StateReport {
  const { agentId, sessionId, epoch, statusText, details } = report;
  const state = fromAgentState(report.state, `${pointer}/state`);
  const eventTimeMs = fromTime(report.eventTime);
  return {
    agentId,
    ...(sessionId !== "" && { session: { sessionId, epoch } }),
    ...(state !== undefined && { state }),
    statusText,
    ...(details && { details: fromDetails(details, `${pointer}/details`, limits) }),
    ...(eventTimeMs !== undefined && { eventTimeMs }),
  };
}

export function toDirective(directive: Directive): Init<typeof DirectiveSchema> {
  switch (directive.type) {
    case "cancel_task": {
      const { taskId, leaseEpoch, reason, deadlineMs } = directive;
      const value = { taskId, leaseEpoch, reason, deadline: toTime(deadlineMs) };
      return { directive: { case: "cancelTask", value } };
    }
    case "drop_task": {
      const { taskId, leaseEpoch, reason } = directive;
      return { directive: { case: "dropTask", value: { taskId, leaseEpoch, reason } } };
    }
    case "reopen_stream":
      return { directive: { case: "reopenStream", value: {} } };
    default:
      return unreachable(directive);
  }
}

/** What an entry of the journal `agents` has beside its body. */
interface EntryPlace {
  readonly position: bigint;
  readonly sequence: number;
  readonly id: string;
  readonly atMs: number;
}

export function toAgentEntry(
  { position, sequence, id, atMs }: EntryPlace,
  { event, actor, reason }: AgentEntryBody,
): Init<typeof AgentEntrySchema> {
  return {
    position,
    sequence,
    agentId: id,
    time: toTime(atMs),
    actor,
    reason: reason ?? "",
    ...toAgentEvent(event),
  };
}

export const AGENT_ENTRY_KINDS: Readonly<Record<AgentEvent["type"], AgentEntryKind>> = {
  registered: AgentEntryKind.REGISTERED,
  updated: AgentEntryKind.UPDATED,
  deregistered: AgentEntryKind.DEREGISTERED,
  session_opened: AgentEntryKind.SESSION_OPENED,
  session_closed: AgentEntryKind.SESSION_CLOSED,
  state_changed: AgentEntryKind.STATE_CHANGED,
  liveness_changed: AgentEntryKind.LIVENESS_CHANGED,
};

function toAgentEvent(event: AgentEvent): Init<typeof AgentEntrySchema> {
  const kind = AGENT_ENTRY_KINDS[event.type];
  switch (event.type) {
    case "registered":
    case "updated":
      return { kind, spec: toSpec(event.spec) };
    case "deregistered":
      return { kind };
    case "session_opened":
      return { kind, sessionId: event.session.sessionId, epoch: event.session.epoch };
    case "session_closed":
      return {
        kind,
        sessionId: event.sessionId,
        epoch: event.epoch,
        ...(event.reason !== "" && { reason: event.reason }),
      };
    case "state_changed":
      return {
        kind,
        fromState: AGENT_STATES[event.from],
        toState: AGENT_STATES[event.to],
        statusText: event.statusText,
        ...(event.details && { details: event.details as Record<string, JsonValue> }),
        ...(event.eventTimeMs !== undefined && { eventTime: toTime(event.eventTimeMs) }),
      };
    case "liveness_changed":
      return { kind, fromLiveness: LIVENESS[event.from], toLiveness: LIVENESS[event.to] };
    default:
      return unreachable(event);
  }
}
