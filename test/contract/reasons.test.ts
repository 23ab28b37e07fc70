import { type DescEnum, type DescEnumValue, getOption, hasOption } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorReasonSchema, FailureReasonSchema } from "../../gen/opscore/v1/errors_pb.ts";
import { RetryAdvice, reason, StatusCodeSchema } from "../../gen/opscore/v1/options_pb.ts";
import { FILES } from "./services.ts";

// The closed list by status: callers act on both, so neither changes after a release.
const REASONS: Readonly<Record<string, string>> = {
  INVALID_ARGUMENT:
    "INVALID_FIELD INVALID_FILTER INVALID_CURSOR INVALID_PAGE_TOKEN REQUEST_ID_REUSED MALFORMED " +
    "EMPTY_TARGET TEMPLATE_INVALID",
  NOT_FOUND: "AGENT_NOT_FOUND SESSION_NOT_FOUND TEMPLATE_NOT_FOUND RUN_NOT_FOUND TASK_NOT_FOUND",
  ALREADY_EXISTS: "RUN_EXISTS TEMPLATE_VERSION_EXISTS OUTCOME_RECORDED",
  FAILED_PRECONDITION:
    "LEASE_LOST ILLEGAL_TRANSITION RUN_ENDED AGENT_IN_USE SESSION_LIVE SESSION_CLOSED",
  ABORTED: "REVISION_MISMATCH CONTENTION SESSION_SUPERSEDED",
  OUT_OF_RANGE: "CURSOR_EXPIRED",
  RESOURCE_EXHAUSTED: "TOO_LARGE LIMIT_REACHED RATE_LIMITED OVERLOADED SLOW_READER STORE_FULL",
  PERMISSION_DENIED: "SCOPE_MISSING NAMESPACE_DENIED IDENTITY_MISMATCH",
  UNAUTHENTICATED: "UNAUTHENTICATED",
  UNAVAILABLE: "STORE_UNAVAILABLE DRAINING",
  DEADLINE_EXCEEDED: "DEADLINE_PASSED",
  CANCELLED: "CALLER_CANCELLED",
  UNIMPLEMENTED: "NOT_OFFERED",
  INTERNAL: "INTERNAL",
  DATA_LOSS: "DATA_CORRUPT",
};

const values = ErrorReasonSchema.values.filter((value) => value.number !== 0);
const codeOf = (value: DescEnumValue) =>
  StatusCodeSchema.value[getOption(value, reason).code]?.name.replace("STATUS_CODE_", "") ?? "";
const shortName = (name: string) => name.replace("ERROR_REASON_", "");

describe("ErrorReason", () => {
  test.each(values.map((value) => [value.name, value] as const))("%s has a policy", (_, value) => {
    expect(hasOption(value, reason)).toBe(true);
    expect(getOption(value, reason).retry).not.toBe(RetryAdvice.UNSPECIFIED);
  });

  test("has these values, each under its status", () => {
    const found = Object.groupBy(values, codeOf);
    const names = Object.entries(found).map(([code, list = []]) => [
      code,
      list.map((value) => shortName(value.name)).sort(),
    ]);
    const wanted = Object.entries(REASONS).map(([code, list]) => [code, list.split(" ").sort()]);
    expect(Object.fromEntries(names)).toEqual(Object.fromEntries(wanted));
  });

  test("leaves the outcome unknown only where repeating is safe", () => {
    for (const name of ["STORE_UNAVAILABLE", "DEADLINE_PASSED", "DRAINING", "CONTENTION"]) {
      const value = values.find((candidate) => shortName(candidate.name) === name);
      expect(value && getOption(value, reason).retry).toBe(RetryAdvice.SAME);
    }
  });
});

test("FailureReason names what the engine can say about an attempt, a step or a run", () => {
  const names = FailureReasonSchema.values.map((value) => value.localName);
  expect(names).toEqual([
    ...["UNSPECIFIED", "TIMEOUT_QUEUED", "TIMEOUT_ATTEMPT", "TIMEOUT_TOTAL", "TIMEOUT_RUN"],
    ...["NO_PROGRESS", "LEASE_EXPIRED", "ATTEMPTS_EXHAUSTED", "TOO_LARGE", "EXPRESSION"],
  ]);
});

const enums: readonly DescEnum[] = FILES.flatMap((file) => file.enums);
test.each(enums.map((one) => [one.name, one] as const))("%s starts unspecified", (_, one) => {
  expect(one.values[0]?.number).toBe(0);
  expect(one.values[0]?.name).toMatch(/_UNSPECIFIED$/);
});
