import { type DescMessage, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import { describe, expect, test } from "vitest";
import * as lifecycle from "../../gen/opscore/v1/lifecycle_pb.ts";
import * as logging from "../../gen/opscore/v1/logging_pb.ts";
import * as task from "../../gen/opscore/v1/task_pb.ts";
import * as workflow from "../../gen/opscore/v1/workflow_pb.ts";

// Requests at a limit, then just past it, with the field that is named for it.
type Row = readonly [DescMessage, at: JsonValue, past: JsonValue, field: string];

const letters = (count: number) => "a".repeat(count);
const list = (count: number, item: JsonValue = {}) => Array.from({ length: count }, () => item);
const labels = (count: number, value = "v") =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, value]));
const failure = (depth: number): JsonValue =>
  depth === 1 ? { reason: "LAST" } : { reason: "NEXT", cause: failure(depth - 1) };

const get = (agentId: string) => ({ agentId });
const register = (spec: JsonValue) => ({ agentId: "a", spec });
const update = (updateMask: string) => ({ agentId: "a", spec: {}, updateMask });
const open = (leaseDuration: string) => ({ agentId: "a", options: { leaseDuration } });
const held = (ratio: number | string) => ({ taskId: "t", leaseEpoch: 1, ratio });
const beat = (more: JsonObject) => ({ beat: { agentId: "a", sessionId: "s", epoch: 1, ...more } });
const start = (more: JsonObject) => ({ templateId: "t", ...more });
const cancel = (target: JsonObject, more: JsonObject = {}) => ({ target, cancel: {}, ...more });
const fail = (what: JsonValue) => ({ taskId: "t", leaseEpoch: 1, fail: { failure: what } });
const release = (notBefore: string) => ({ taskId: "t", leaseEpoch: 1, release: { notBefore } });
const window = (from: string, to: string) => ({
  fromTime: `2026-01-01T00:00:${from}Z`,
  toTime: `2026-01-01T00:00:${to}Z`,
});

const ROWS: Readonly<Record<string, Row>> = {
  "agent id of 128 bytes, whatever the script": [
    lifecycle.GetAgentRequestSchema,
    get(`${"ä".repeat(63)} x`),
    get(`${"ä".repeat(63)} xy`),
    "agent_id",
  ],
  "agent id without control characters": [
    lifecycle.GetAgentRequestSchema,
    get("a b"),
    get("a\u0085b"),
    "agent_id",
  ],
  "run id by the pattern": [
    workflow.GetRunRequestSchema,
    { runId: letters(128) },
    { runId: letters(129) },
    "run_id",
  ],
  "run id without odd characters": [
    workflow.GetRunRequestSchema,
    { runId: "a.b:c_d-1" },
    { runId: "../a" },
    "run_id",
  ],
  "request_id of 128 bytes": [
    lifecycle.OpenSessionRequestSchema,
    { agentId: "a", requestId: letters(128) },
    { agentId: "a", requestId: letters(129) },
    "request_id",
  ],
  "a spec, though it may be empty": [
    lifecycle.RegisterAgentRequestSchema,
    register({}),
    { agentId: "a" },
    "spec",
  ],
  "32 labels": [
    lifecycle.RegisterAgentRequestSchema,
    register({ labels: labels(32) }),
    register({ labels: labels(33) }),
    "spec.labels",
  ],
  "label values of 128 bytes": [
    lifecycle.RegisterAgentRequestSchema,
    register({ labels: labels(1, letters(128)) }),
    register({ labels: labels(1, letters(129)) }),
    'spec.labels["k0"]',
  ],
  "1,000 slots": [
    lifecycle.RegisterAgentRequestSchema,
    register({ slots: 1000 }),
    register({ slots: 1001 }),
    "spec.slots",
  ],
  "capability names in lower case": [
    lifecycle.RegisterAgentRequestSchema,
    register({ capabilities: [{ name: "plan.a_b-1" }] }),
    register({ capabilities: [{ name: "Plan" }] }),
    "spec.capabilities[0].name",
  ],
  "capability versions": [
    lifecycle.RegisterAgentRequestSchema,
    register({ capabilities: [{ name: "plan", version: "1.2.3-rc.1+b" }] }),
    register({ capabilities: [{ name: "plan", version: "1.2" }] }),
    "spec.capabilities[0].version",
  ],
  "a mask of the spec's fields": [
    lifecycle.UpdateAgentRequestSchema,
    update("displayName,labels"),
    update("labels.x"),
    "update_mask",
  ],
  "a mask that names something": [
    lifecycle.UpdateAgentRequestSchema,
    update("slots"),
    update(""),
    "update_mask",
  ],
  "a lease of 10 min": [
    lifecycle.OpenSessionRequestSchema,
    open("600s"),
    open("600.001s"),
    "options.lease_duration",
  ],
  "a lease of some length": [
    lifecycle.OpenSessionRequestSchema,
    open("0.2s"),
    open("0s"),
    "options.lease_duration",
  ],
  "a ratio up to 1": [
    lifecycle.HeartbeatRequestSchema,
    beat({ held: [held(1)] }),
    beat({ held: [held("NaN")] }),
    "beat.held[0].ratio",
  ],
  "1,000 held tasks": [
    lifecycle.HeartbeatRequestSchema,
    beat({ held: list(1000, held(0)) }),
    beat({ held: list(1001, held(0)) }),
    "beat.held",
  ],
  "a known state": [
    lifecycle.HeartbeatRequestSchema,
    beat({ state: 7 }),
    beat({ state: 8 }),
    "beat.state",
  ],
  "a report that says something": [
    lifecycle.ReportStateRequestSchema,
    { report: { agentId: "a", statusText: "thinking" } },
    { report: { agentId: "a" } },
    "report",
  ],
  "session and epoch together": [
    lifecycle.ReportStateRequestSchema,
    { report: { agentId: "a", state: "AGENT_STATE_IDLE", sessionId: "s", epoch: 1 } },
    { report: { agentId: "a", state: "AGENT_STATE_IDLE", sessionId: "s" } },
    "report",
  ],
  "pages of 1,000": [
    lifecycle.ListAgentsRequestSchema,
    { pageSize: 1000 },
    { pageSize: 1001 },
    "page_size",
  ],
  "filters of 1 KiB": [
    lifecycle.ListAgentsRequestSchema,
    { filter: letters(1024) },
    { filter: letters(1025) },
    "filter",
  ],
  "cursors of 512 characters": [
    lifecycle.WatchAgentsRequestSchema,
    { start: { after: letters(512) } },
    { start: { after: letters(513) } },
    "start.after",
  ],
  "no snapshot in a unary twin": [
    workflow.ListRunEntriesRequestSchema,
    { onGap: "GAP_POLICY_FAIL" },
    { onGap: "GAP_POLICY_SNAPSHOT" },
    "on_gap",
  ],
  "waits of 30 s": [
    workflow.GetRunRequestSchema,
    { runId: "r", wait: "30s" },
    { runId: "r", wait: "30.001s" },
    "wait",
  ],
  "a template": [
    workflow.PublishTemplateRequestSchema,
    { source: { text: "not checked here" } },
    { source: {} },
    "source.source",
  ],
  "any template at all: publish has its own diagnostics": [
    workflow.PublishTemplateRequestSchema,
    { source: { template: { templateId: "?", main: { steps: [{ id: "?" }] } } } },
    {},
    "source",
  ],
  "priorities up to 9": [
    workflow.StartRunRequestSchema,
    start({ priority: 9 }),
    start({ priority: 10 }),
    "priority",
  ],
  "a trace context": [
    workflow.StartRunRequestSchema,
    start({ traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` }),
    start({ traceparent: `00-${"a".repeat(31)}-${"b".repeat(16)}-01` }),
    "traceparent",
  ],
  "500 starts, each judged by itself": [
    workflow.StartRunsRequestSchema,
    { runs: list(500, { templateId: "?" }) },
    { runs: list(501) },
    "runs",
  ],
  "no wait in a batch": [
    workflow.StartRunsRequestSchema,
    { runs: [start({})] },
    { runs: [start({ wait: "1s" })] },
    "",
  ],
  "1,000 targets": [
    workflow.ControlRunsRequestSchema,
    cancel({ ids: { ids: list(1000, "r") } }),
    cancel({ ids: { ids: list(1001, "r") } }),
    "target.ids.ids",
  ],
  "an action": [
    workflow.ControlRunsRequestSchema,
    cancel({ filter: "" }), // EMPTY_TARGET is the server's to say
    { target: { filter: "x" } },
    "action",
  ],
  "a revision of one run": [
    workflow.ControlRunsRequestSchema,
    cancel({ ids: { ids: ["r"] } }, { expectedRevision: 3 }),
    cancel({ filter: "x" }, { expectedRevision: 3 }),
    "",
  ],
  "100 tasks at once": [
    task.PollTasksRequestSchema,
    { sessionId: "s", epoch: 1, maxTasks: 100 },
    { sessionId: "s", epoch: 1, maxTasks: 101 },
    "max_tasks",
  ],
  "an epoch": [
    task.StreamTasksRequestSchema,
    { sessionId: "s", epoch: 1 },
    { sessionId: "s" },
    "epoch",
  ],
  "500 reports, each judged by itself": [
    task.ReportTasksRequestSchema,
    { reports: list(500) },
    { reports: list(501) },
    "reports",
  ],
  "500 reports in a frame": [
    task.WorkTasksRequestSchema,
    { reports: list(500) },
    { reports: list(501) },
    "reports",
  ],
  "one report": [
    task.TaskReportSchema,
    { taskId: "t", leaseEpoch: 1, ack: {} },
    { taskId: "t", leaseEpoch: 1 },
    "report",
  ],
  "a failure with a reason": [
    task.FailTaskRequestSchema,
    fail({ reason: "BAD_INPUT" }),
    fail({ reason: "bad input" }),
    "fail.failure.reason",
  ],
  "failures 8 deep": [
    task.FailTaskRequestSchema,
    fail(failure(8)),
    fail(failure(9)),
    "fail.failure",
  ],
  "a release for a day": [
    task.ReleaseTaskRequestSchema,
    release("86400s"),
    release("86400.1s"),
    "release.not_before",
  ],
  "500 log entries, each judged by itself": [
    logging.LogOperationsRequestSchema,
    { entries: list(500) },
    { entries: list(501) },
    "entries",
  ],
  "a numbering with a producer": [
    logging.LogOperationsRequestSchema,
    { producerId: "p", firstProducerSeq: "1" },
    { producerId: "p" },
    "",
  ],
  "a log entry that says something": [
    logging.LogEntrySchema,
    { operation: "tool.call" },
    { agentId: "a" },
    "",
  ],
  "severities between the names": [
    logging.LogEntrySchema,
    { message: "m", severity: 24 },
    { message: "m", severity: 25 },
    "severity",
  ],
  "trace ids in lower case": [
    logging.LogEntrySchema,
    { message: "m", traceId: "a".repeat(32) },
    { message: "m", traceId: "A".repeat(32) },
    "trace_id",
  ],
  "a window that is one": [
    logging.SearchLogsRequestSchema,
    window("00", "01"),
    window("01", "01"),
    "",
  ],
  "no snapshot of logs": [
    logging.TailLogsRequestSchema,
    { start: { now: true } },
    { start: { snapshot: true } },
    "",
  ],
  "the last entries before now only": [
    logging.TailLogsRequestSchema,
    { last: 1000 },
    { last: 1000, start: { after: "c" } },
    "",
  ],
};

const validator = createValidator();

describe.each(Object.entries(ROWS))("%s", (_, [schema, at, past, field]) => {
  test(`${schema.name} takes it`, () => {
    expect(violations(schema, at)).toEqual([]);
  });

  test(`${schema.name} refuses what is past it, and names ${field || "the message"}`, () => {
    expect(violations(schema, past)).toEqual([field]);
  });
});

function violations(schema: DescMessage, json: JsonValue): readonly string[] {
  const { violations: found = [] } = validator.validate(schema, fromJson(schema, json));
  return found.map((violation) => pathOf(violation.toString()));
}

/** The path that a violation's text starts with; one of the whole message has none. */
function pathOf(text: string): string {
  return /^([\w.]+(?:\[[^\]]*\])?[\w.[\]"]*): /.exec(text)?.[1] ?? "";
}
