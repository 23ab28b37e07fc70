import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { Audience, policy, RateClass } from "../../gen/opscore/v1/options_pb.ts";
import { METHODS, SERVICES } from "./services.ts";

const READ = /^(Get|List|Search|Watch|Tail|Validate)/;

const SCOPES = [
  ...["lifecycle.self", "lifecycle.read", "lifecycle.write", "task.poll", "task.report"],
  ...["workflow.template.read", "workflow.template.write", "workflow.run.read"],
  ...["workflow.run.write", "workflow.run.control", "log.read", "log.write"],
];

// Mutations without a request_id, by what makes repeating them safe instead.
const OTHER_KEY: Readonly<Record<string, string>> = {
  Heartbeat: "only the newest beat counts",
  PollTasks: "offers lapse when the answer is lost",
  StreamTasks: "unacknowledged offers are sent again on open",
  WorkTasks: "reports are keyed by task_id and lease_epoch",
  AckTask: "keyed by task_id and lease_epoch",
  CompleteTask: "keyed by task_id and lease_epoch",
  FailTask: "keyed by task_id and lease_epoch",
  ReleaseTask: "keyed by task_id and lease_epoch",
  ReportTasks: "keyed by task_id and lease_epoch",
  LogOperations: "keyed by producer_id and producer_seq",
};

// Batches whose items carry the request_id.
const KEY_OF_ITEMS: Readonly<Record<string, string>> = {
  ReportAgents: "reports",
  StartRuns: "runs",
};

const byName = METHODS.map((method) => [method.name, method] as const);
const mutations = byName.filter(([name]) => !READ.test(name));

test("the contract offers these methods and no others", () => {
  const names = SERVICES.map((service) => [
    service.name,
    service.methods.map((m) => m.name).join(" "),
  ]);
  expect(Object.fromEntries(names)).toEqual({
    LifecycleService:
      "RegisterAgent GetAgent ListAgents UpdateAgent DeregisterAgent OpenSession CloseSession " +
      "ListSessions Heartbeat ReportState ReportAgents ListAgentEntries WatchAgents GetServerInfo",
    WorkflowService:
      "PublishTemplate ValidateTemplate GetTemplate ListTemplates StartRun StartRuns GetRun " +
      "ListRuns ControlRuns ListRunEntries WatchRuns GetTask ListTasks",
    TaskService:
      "PollTasks StreamTasks WorkTasks AckTask CompleteTask FailTask ReleaseTask ReportTasks",
    LoggingService: "LogOperations SearchLogs ListLogEntries TailLogs",
  });
});

describe.each(byName)("%s", (name, method) => {
  test("states its policy in full", () => {
    const { scope, audience, rateClass } = getOption(method, policy);
    expect(SCOPES).toContain(scope);
    expect(audience.length).toBeGreaterThan(0);
    expect(audience).not.toContain(Audience.UNSPECIFIED);
    expect(rateClass).not.toBe(RateClass.UNSPECIFIED);
  });

  test("can be called by GET exactly when it is a read", () => {
    const level = READ.test(name)
      ? MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS
      : MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
    expect(method.idempotency).toBe(level);
  });

  test("is counted as a stream exactly when it opens one", () => {
    const counted = getOption(method, policy).rateClass === RateClass.STREAM;
    expect(counted).toBe(method.methodKind !== "unary");
  });
});

test.each(mutations)("%s can be repeated safely", (name, method) => {
  const key = KEY_OF_ITEMS[name];
  const carrier = key === undefined ? method.input : itemOf(method, key);
  const hasRequestId = carrier?.fields.some((field) => field.name === "request_id");
  expect(hasRequestId).toBe(OTHER_KEY[name] === undefined);
});

test.each(byName.filter(([name]) => READ.test(name)))("%s has no request_id", (_name, method) => {
  expect(method.input.fields.map((field) => field.name)).not.toContain("request_id");
});

test("every exception names a mutation", () => {
  const names = mutations.map(([name]) => name);
  expect(names).toEqual(expect.arrayContaining(Object.keys({ ...OTHER_KEY, ...KEY_OF_ITEMS })));
});

function itemOf(method: DescMethod, field: string) {
  return method.input.fields.find((candidate) => candidate.name === field)?.message;
}
