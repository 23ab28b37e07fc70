import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ErrorDetailSchema, ErrorReason } from "../../gen/opscore/v1/errors_pb.ts";
import type { LimitMet, Missing, Refusal } from "../core/errors.ts";
import { toDiagnostics, toDuration } from "./convert.ts";

/** What callers see of a refusal: a text for people, and everything stable in the detail. */
export interface Said {
  readonly reason: ErrorReason;
  readonly message: string;
  readonly detail?: Omit<DetailInit, "reason">;
}

type DetailInit = Exclude<MessageInitShape<typeof ErrorDetailSchema>, { $typeName: string }>;
type Of<C extends Refusal["code"]> = Extract<Refusal, { code: C }>;

const MISSING: Readonly<Record<Missing, ErrorReason>> = {
  agent: ErrorReason.AGENT_NOT_FOUND,
  session: ErrorReason.SESSION_NOT_FOUND,
  template: ErrorReason.TEMPLATE_NOT_FOUND,
  run: ErrorReason.RUN_NOT_FOUND,
  task: ErrorReason.TASK_NOT_FOUND,
};

/** The one place where a refusal becomes what callers see. A new code does not compile until it is here. */
export const SAID: { readonly [C in Refusal["code"]]: (refusal: Of<C>) => Said } = {
  invalid_field: ({ message, pointer }) => ({
    reason: ErrorReason.INVALID_FIELD,
    message: `${pointer || "/"}: ${message}`,
    detail: { pointer, hint: "Change the field as the message says." },
  }),
  invalid_filter: ({ diagnostics }) => ({
    reason: ErrorReason.INVALID_FILTER,
    message: `the filter is not usable: ${firstOf(diagnostics)}`,
    detail: {
      pointer: "/filter",
      diagnostics: toDiagnostics(diagnostics),
      hint: "The method's comment lists the names that its filter knows.",
    },
  }),
  invalid_cursor: ({ message }) => ({
    reason: ErrorReason.INVALID_CURSOR,
    message,
    detail: {
      hint: "Pass a cursor unchanged, with the namespace, filter and text that it was made for.",
    },
  }),
  invalid_page_token: () => ({
    reason: ErrorReason.INVALID_PAGE_TOKEN,
    message: "the page token is not ours, or belongs to another request",
    detail: {
      pointer: "/pageToken",
      hint: "Repeat the request of the page before with only the token added.",
    },
  }),
  request_id_reused: ({ requestId }) => ({
    reason: ErrorReason.REQUEST_ID_REUSED,
    message: `request_id ${requestId} was used with another request`,
    detail: { pointer: "/requestId", hint: "Make a new request_id for each new request." },
  }),
  malformed: ({ message, pointer }) => ({
    reason: ErrorReason.MALFORMED,
    message: pointer === undefined ? message : `${pointer || "/"}: ${message}`,
    detail: {
      ...(pointer !== undefined && { pointer }),
      hint: "Compare the request with the contract in proto/.",
    },
  }),
  empty_target: () => ({
    reason: ErrorReason.EMPTY_TARGET,
    message: "the target names nothing",
    detail: { pointer: "/target", hint: "Name ids or write a filter." },
  }),
  template_invalid: ({ diagnostics }) => ({
    reason: ErrorReason.TEMPLATE_INVALID,
    message: `the template has errors: ${firstOf(diagnostics)}`,
    detail: {
      diagnostics: toDiagnostics(diagnostics),
      hint: "Each diagnostic says where; ValidateTemplate checks without publishing.",
    },
  }),
  not_found: ({ what, id }) => ({
    reason: MISSING[what],
    message: `no ${what} ${id}`,
    detail: { resource: `${what}/${id}`, hint: "Check the id and the opscore-namespace header." },
  }),
  run_exists: ({ runId }) => ({
    reason: ErrorReason.RUN_EXISTS,
    message: `run ${runId} exists`,
    detail: {
      resource: `run/${runId}`,
      hint: "Choose another run_id, or set if_exists to IF_RUN_EXISTS_RETURN.",
    },
  }),
  template_version_exists: ({ id, version }) => ({
    reason: ErrorReason.TEMPLATE_VERSION_EXISTS,
    message: `template ${id} ${version} is published with another content`,
    detail: { resource: `template/${id}@${version}`, hint: "Publish it under a new version." },
  }),
  outcome_recorded: ({ taskId }) => ({
    reason: ErrorReason.OUTCOME_RECORDED,
    message: `another outcome of task ${taskId} is recorded and stays`,
    detail: { resource: `task/${taskId}`, hint: "Drop the task." },
  }),
  lease_lost: ({ taskId, leaseEpoch, agentId }) => ({
    reason: ErrorReason.LEASE_LOST,
    message: `the lease on task ${taskId} is not yours any more`,
    detail: {
      resource: `task/${taskId}`,
      currentLeaseEpoch: leaseEpoch,
      ...(agentId !== undefined && { currentAgentId: agentId }),
      hint: "Stop working on the task and report nothing more about it.",
    },
  }),
  illegal_transition: ({ agentId, from, to }) => ({
    reason: ErrorReason.ILLEGAL_TRANSITION,
    message: `agent ${agentId} cannot go from ${from} to ${to}`,
    detail: { resource: `agent/${agentId}`, hint: "Read the agent's state, then decide again." },
  }),
  run_ended: ({ runId, state }) => ({
    reason: ErrorReason.RUN_ENDED,
    message: `run ${runId} has ended: ${state}`,
    detail: { resource: `run/${runId}`, hint: "Start a new run." },
  }),
  agent_in_use: ({ agentId, message }) => ({
    reason: ErrorReason.AGENT_IN_USE,
    message,
    detail: {
      resource: `agent/${agentId}`,
      hint: "Close its session and wait for its tasks, or set force.",
    },
  }),
  session_live: ({ agentId, retryAfterMs }) => ({
    reason: ErrorReason.SESSION_LIVE,
    message: `agent ${agentId} has a live session`,
    detail: {
      resource: `agent/${agentId}`,
      currentAgentId: agentId,
      retryAfter: toDuration(retryAfterMs),
      hint: "Wait for its lease to run out, or take over.",
    },
  }),
  session_closed: ({ sessionId }) => ({
    reason: ErrorReason.SESSION_CLOSED,
    message: `session ${sessionId} is closed`,
    detail: { resource: `session/${sessionId}`, hint: "Open a new session." },
  }),
  session_superseded: ({ sessionId }) => ({
    reason: ErrorReason.SESSION_SUPERSEDED,
    message: `session ${sessionId} was taken over`,
    detail: {
      resource: `session/${sessionId}`,
      hint: "Stop: another process, or a newer stream of this one, does the work now.",
    },
  }),
  revision_mismatch: ({ resource, revision }) => ({
    reason: ErrorReason.REVISION_MISMATCH,
    message: `${resource} is at revision ${revision}`,
    detail: { resource, currentRevision: revision, hint: "Read it again, then decide again." },
  }),
  unauthenticated: ({ message }) => ({
    reason: ErrorReason.UNAUTHENTICATED,
    message,
    detail: { hint: "Send `authorization: Bearer <key>`." },
  }),
  scope_missing: ({ scope }) => ({
    reason: ErrorReason.SCOPE_MISSING,
    message: `the credential lacks the scope ${scope}`,
    detail: { hint: "Use a credential that has it." },
  }),
  namespace_denied: ({ namespace }) => ({
    reason: ErrorReason.NAMESPACE_DENIED,
    message: `the credential is not valid in namespace ${namespace}`,
    detail: { resource: `namespace/${namespace}`, hint: "Check the opscore-namespace header." },
  }),
  identity_mismatch: ({ principal, agentId }) => ({
    reason: ErrorReason.IDENTITY_MISMATCH,
    message: `${principal} may not act for agent ${agentId}`,
    detail: { resource: `agent/${agentId}`, hint: "Use the credential of that agent." },
  }),
  too_large: ({ pointer, ...limit }) => ({
    reason: ErrorReason.TOO_LARGE,
    message: `${pointer ?? "the message"} is too large: ${limitText(limit)}`,
    detail: {
      ...(pointer !== undefined && { pointer }),
      limit: toLimit(limit),
      hint: "Send less, or keep the data elsewhere and send a blob reference.",
    },
  }),
  limit_reached: (limit) => ({
    reason: ErrorReason.LIMIT_REACHED,
    message: `limit reached: ${limitText(limit)}`,
    detail: { limit: toLimit(limit), hint: "GetServerInfo lists every limit." },
  }),
  rate_limited: ({ retryAfterMs, ...limit }) => ({
    reason: ErrorReason.RATE_LIMITED,
    message: `too many calls: ${limitText(limit)}`,
    detail: { limit: toLimit(limit), retryAfter: toDuration(retryAfterMs), hint: "Slow down." },
  }),
  overloaded: ({ retryAfterMs }) => ({
    reason: ErrorReason.OVERLOADED,
    message: "the server is overloaded",
    detail: { retryAfter: toDuration(retryAfterMs), hint: "Repeat the request later." },
  }),
  slow_reader: ({ cursor }) => ({
    reason: ErrorReason.SLOW_READER,
    message: "the stream was not read for too long",
    detail: { cursor, hint: "Open it again with the cursor and read faster." },
  }),
  version_conflict: ({ key }) => contention(key),
  reservation_lost: ({ key }) => contention(key),
  contention: ({ key }) => contention(key),
  cursor_expired: ({ cursor }) => ({
    reason: ErrorReason.CURSOR_EXPIRED,
    message: "entries after the cursor are no longer kept",
    detail: {
      ...(cursor !== undefined && { cursor }),
      hint: "Read the current state again, or go on from the cursor given here.",
    },
  }),
  store_full: () => ({
    reason: ErrorReason.STORE_FULL,
    message: "the store has no space left",
    detail: { retryAfter: toDuration(STORE_FULL_RETRY_MS), hint: "Free space on the server." },
  }),
  store_unavailable: ({ message }) => ({
    reason: ErrorReason.STORE_UNAVAILABLE,
    message,
    detail: { hint: "The outcome is unknown: repeat the request with the same request_id." },
  }),
  data_corrupt: ({ key, message }) => ({
    reason: ErrorReason.DATA_CORRUPT,
    message,
    detail: { resource: key, hint: "Restore the store from a backup." },
  }),
  draining: () => ({
    reason: ErrorReason.DRAINING,
    message: "the server asks to come back",
    detail: { hint: "Connect again, with the last cursor." },
  }),
  deadline_passed: () => ({
    reason: ErrorReason.DEADLINE_PASSED,
    message: "the deadline passed",
    detail: { hint: "The outcome is unknown: repeat the request with the same request_id." },
  }),
  caller_cancelled: () => ({ reason: ErrorReason.CALLER_CANCELLED, message: "cancelled" }),
  not_offered: ({ message }) => ({
    reason: ErrorReason.NOT_OFFERED,
    message,
    detail: { hint: "Use another method or protocol." },
  }),
};

/** A full disk is not emptied in less. */
const STORE_FULL_RETRY_MS = 5_000;

function contention(key: string): Said {
  return {
    reason: ErrorReason.CONTENTION,
    message: `${key} changes too fast`,
    detail: { resource: key, hint: "Repeat the request with the same request_id." },
  };
}

function firstOf(diagnostics: readonly { readonly message: string }[]): string {
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : "";
  return `${diagnostics[0]?.message ?? ""}${more}`;
}

function toLimit({ name, value, actual }: LimitMet) {
  return { name, value: BigInt(Math.ceil(value)), actual: BigInt(Math.ceil(actual)) };
}

function limitText({ name, value, actual }: LimitMet): string {
  return `${name} is ${value}, the request came to ${actual}`;
}
