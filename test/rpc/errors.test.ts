import { getOption } from "@bufbuild/protobuf";
import { type Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  ErrorDetailSchema,
  ErrorReason,
  ErrorReasonSchema,
} from "../../gen/opscore/v1/errors_pb.ts";
import { RetryAdvice, reason as reasonPolicy } from "../../gen/opscore/v1/options_pb.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { type Refusal, Refused } from "../../src/core/errors.ts";
import {
  internalError,
  reasonName,
  reasonOf,
  skippedReason,
  toConnectError,
  toItemError,
} from "../../src/rpc/errors.ts";

const found: Diagnostic = { code: "X", message: "No such step.", error: true, pointer: "/main" };
const limit = { name: "payload_bytes", value: 10, actual: 11 };

/** One of each: a new code does not compile until it is here. */
const SAMPLES: { readonly [C in Refusal["code"]]: Extract<Refusal, { code: C }> } = {
  invalid_field: { code: "invalid_field", pointer: "/agentId", message: "is required" },
  invalid_filter: { code: "invalid_filter", diagnostics: [found] },
  invalid_cursor: { code: "invalid_cursor", message: "not ours" },
  invalid_page_token: { code: "invalid_page_token" },
  request_id_reused: { code: "request_id_reused", requestId: "r" },
  malformed: { code: "malformed", message: "no JSON" },
  empty_target: { code: "empty_target" },
  template_invalid: { code: "template_invalid", diagnostics: [found, found] },
  not_found: { code: "not_found", what: "agent", id: "a" },
  run_exists: { code: "run_exists", runId: "r" },
  template_version_exists: { code: "template_version_exists", id: "t", version: "1.0.0" },
  outcome_recorded: { code: "outcome_recorded", taskId: "t" },
  lease_lost: { code: "lease_lost", taskId: "t", leaseEpoch: 3, agentId: "b" },
  illegal_transition: { code: "illegal_transition", agentId: "a", from: "idle", to: "waiting" },
  run_ended: { code: "run_ended", runId: "r", state: "failed" },
  agent_in_use: { code: "agent_in_use", agentId: "a", message: "holds 2 tasks" },
  session_live: { code: "session_live", agentId: "a", retryAfterMs: 1500 },
  session_closed: { code: "session_closed", sessionId: "s" },
  session_superseded: { code: "session_superseded", sessionId: "s", epoch: 2 },
  revision_mismatch: { code: "revision_mismatch", resource: "agent/a", revision: 7 },
  unauthenticated: { code: "unauthenticated", message: "no key" },
  scope_missing: { code: "scope_missing", scope: "admin" },
  namespace_denied: { code: "namespace_denied", namespace: "x" },
  identity_mismatch: { code: "identity_mismatch", principal: "agent:a", agentId: "b" },
  too_large: { code: "too_large", pointer: "/input", ...limit },
  limit_reached: { code: "limit_reached", ...limit },
  rate_limited: { code: "rate_limited", retryAfterMs: 10, ...limit },
  overloaded: { code: "overloaded", retryAfterMs: 2000 },
  slow_reader: { code: "slow_reader", cursor: "c" },
  version_conflict: { code: "version_conflict", key: "run/r" },
  reservation_lost: { code: "reservation_lost", key: "run/r" },
  contention: { code: "contention", key: "run/r" },
  cursor_expired: { code: "cursor_expired", oldest: 4n, cursor: "c" },
  store_full: { code: "store_full" },
  store_unavailable: { code: "store_unavailable", message: "no answer" },
  data_corrupt: { code: "data_corrupt", key: "run/r", message: "wrong hash" },
  draining: { code: "draining" },
  deadline_passed: { code: "deadline_passed" },
  caller_cancelled: { code: "caller_cancelled" },
  not_offered: { code: "not_offered", message: "not over HTTP/1.1" },
};
const MISSING = (["agent", "session", "template", "run", "task"] as const).map(
  (what): Refusal => ({ code: "not_found", what, id: "x" }),
);
const ALL: readonly Refusal[] = [...Object.values(SAMPLES), ...MISSING];

function detailOf(error: ConnectError) {
  const details = error.findDetails(ErrorDetailSchema);
  expect(details).toHaveLength(1);
  expect(error.details).toHaveLength(1);
  const [detail] = details;
  if (detail === undefined) throw new Error("no detail");
  return detail;
}

describe("refusals as callers see them", () => {
  test.each(ALL.map((refusal) => [refusal.code, refusal] as const))("%s", (_, refusal) => {
    const error = toConnectError(refusal);
    const detail = detailOf(error);
    const value = ErrorReasonSchema.value[detail.reason];
    if (value === undefined) throw new Error("an unknown reason");
    const { code, retry } = getOption(value, reasonPolicy);
    expect(error.code).toBe(code as number as Code);
    expect(error.rawMessage).not.toBe("");
    // Whoever is told to come back later is told when.
    const header = error.metadata.get("retry-after");
    if (retry === RetryAdvice.LATER) expect(Number(header)).toBeGreaterThanOrEqual(1);
    expect(header !== null).toBe(detail.retryAfter !== undefined);
    expect(reasonOf(refusal)).toBe(detail.reason);
    expect(toItemError(new Refused(refusal))).toMatchObject({
      code,
      message: error.rawMessage,
      detail,
    });
  });

  test("every reason of the contract is sent by something", () => {
    const sent = new Set([...ALL.map(reasonOf), ErrorReason.INTERNAL]);
    const declared = ErrorReasonSchema.values.map(({ number }) => number).filter((n) => n !== 0);
    expect([...sent].sort((a, b) => a - b)).toEqual(declared.sort((a, b) => a - b));
  });

  test("a bug shows nothing but where to look", () => {
    const error = internalError("0192-abc");
    expect(detailOf(error).reason).toBe(ErrorReason.INTERNAL);
    expect(error.rawMessage).toBe("internal error 0192-abc");
  });

  test("limits, holders and places reach the caller", () => {
    expect(detailOf(toConnectError(SAMPLES.too_large))).toMatchObject({
      pointer: "/input",
      limit: { name: "payload_bytes", value: 10n, actual: 11n },
    });
    expect(detailOf(toConnectError(SAMPLES.lease_lost))).toMatchObject({
      resource: "task/t",
      currentLeaseEpoch: 3,
      currentAgentId: "b",
    });
    expect(detailOf(toConnectError(SAMPLES.revision_mismatch)).currentRevision).toBe(7);
    expect(detailOf(toConnectError(SAMPLES.cursor_expired)).cursor).toBe("c");
    expect(detailOf(toConnectError(SAMPLES.template_invalid)).diagnostics).toMatchObject([
      { code: "X", pointer: "/main" },
      { code: "X", pointer: "/main" },
    ]);
    expect(detailOf(toConnectError(SAMPLES.session_live)).retryAfter).toMatchObject({
      seconds: 1n,
      nanos: 500_000_000,
    });
    expect(toConnectError(SAMPLES.session_live).metadata.get("retry-after")).toBe("2");
  });

  test("a skipped run is told by the name of its reason", () => {
    for (const refusal of [SAMPLES.run_ended, SAMPLES.revision_mismatch, SAMPLES.contention]) {
      expect(skippedReason(refusal.code)).toBe(reasonName(reasonOf(refusal)));
    }
    expect(skippedReason("not_found")).toBe("RUN_NOT_FOUND");
  });

  test("what is said is well-formed and fits into a trailer, whatever it quotes", () => {
    const text = `${"\u{1f9d1}".repeat(2_000)}\ud83e`;
    const error = toConnectError({ code: "invalid_field", pointer: `/${text}`, message: text });
    expect(error.rawMessage.length).toBeLessThanOrEqual(300);
    expect(error.rawMessage.isWellFormed()).toBe(true);
    expect(detailOf(error).pointer).toMatch(/^\/.{10,511}…$/);
    expect(detailOf(error).pointer.isWellFormed()).toBe(true);
  });

  test("survives the way over Connect as it is", () => {
    const error = toConnectError(SAMPLES.invalid_cursor);
    expect(ConnectError.from(error)).toBe(error);
  });
});
