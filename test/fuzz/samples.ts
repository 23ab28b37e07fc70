import type { JsonObject } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { LifecycleService } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { TaskService } from "../../gen/opscore/v1/task_pb.ts";
import { WorkflowService } from "../../gen/opscore/v1/workflow_pb.ts";

/** What is there before anybody is hostile: one of each, so that requests reach what they name. */
export interface World {
  readonly agentId: string;
  readonly sessionId: string;
  readonly epoch: number;
  readonly runId: string;
  readonly taskId: string;
  readonly leaseEpoch: number;
}

const TEXT = `
template_id: t
version: 1.0.0
main:
  steps:
    - id: one
      task: {agent: {capability: work}}
      timeouts: {attempt: 3600s}
`;

/** An agent with a session and a task, a template and its run. */
export async function seed(url: string): Promise<World> {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1" });
  const agents = createClient(LifecycleService, transport);
  const runs = createClient(WorkflowService, transport);
  const tasks = createClient(TaskService, transport);
  const spec = { capabilities: [{ name: "work", version: "1.0.0" }], slots: 10 };
  await agents.registerAgent({ agentId: "a", spec });
  const options = { leaseDuration: { seconds: 600n } };
  const { session } = await agents.openSession({ agentId: "a", options });
  await runs.publishTemplate({ source: { source: { case: "text", value: TEXT } } });
  await runs.startRun({
    templateId: "t",
    runId: "r",
    input: { data: { case: "json", value: { kind: { case: "numberValue", value: 1 } } } },
  });
  const { sessionId = "", epoch = 0 } = session ?? {};
  const wait = { seconds: 10n };
  const polled = await tasks.pollTasks({ sessionId, epoch, maxTasks: 1, autoAck: true, wait });
  const [{ taskId = "", leaseEpoch = 0 } = {}] = polled.assignments;
  return { agentId: "a", sessionId, epoch, runId: "r", taskId, leaseEpoch };
}

/**
 * Valid requests of every method. Between its samples a method has every message
 * field of its request set, so that one hostile value is all that is wrong.
 */
export function samplesOf(world: World): Readonly<Record<string, readonly JsonObject[]>> {
  const { agentId, sessionId, epoch, runId, taskId, leaseEpoch } = world;
  const held = [{ taskId, leaseEpoch, progress: 1, ratio: 0.5, note: "n" }];
  const spec = {
    displayName: "A",
    description: "d",
    version: "1",
    capabilities: [{ name: "work", version: "1.0.0", description: "d", tags: ["x"] }],
    labels: { k: "v" },
    slots: 10,
  };
  const beat = { agentId, sessionId, epoch, state: "AGENT_STATE_INITIALIZING", held };
  const report = {
    ...{ agentId, sessionId, epoch, state: "AGENT_STATE_INITIALIZING", statusText: "s" },
    ...{ details: { a: 1 }, eventTime: "2026-01-01T00:00:00Z", reason: "r" },
  };
  const cause = { reason: "DEEPER", message: "m", retryAfter: "1s", details: { b: 2 } };
  const failure = { ...cause, reason: "BAD", permanent: false, pointer: "/x", cause };
  const task = { taskId, leaseEpoch };
  const blob = { uri: "s3://x", sha256: "a".repeat(64), sizeBytes: "1" };
  const output = { json: { a: [1, "x", null] }, mediaType: "application/json" };
  const outputs = [output, { raw: "AAEC" }, { blob }];
  const reports = [
    { reportSeq: 1, ...task, ack: {} },
    { reportSeq: 1, ...task, release: { notBefore: "1s", reason: "r" } },
    { reportSeq: 1, ...task, fail: { failure } },
    ...outputs.map((one) => ({ reportSeq: 1, ...task, complete: { output: one } })),
  ];
  const start = { onGap: "GAP_POLICY_CONTINUE" };
  const watches = [
    { start: { ...start, since: "2026-01-01T00:00:00Z" } },
    { start: { ...start, now: true } },
  ];
  const entries = { pageSize: 10, wait: "0s", onGap: "GAP_POLICY_CONTINUE" };
  const template = {
    ...{ templateId: "m", version: "1.0.0", title: "t", description: "d", labels: { k: "v" } },
    ...{ vars: { v: 1 }, output: { o: "1" }, timeout: "60s", priority: 5 },
    defaults: { retry: { maxAttempts: 2 }, timeouts: { attempt: "10s" } },
    main: {
      mode: "BLOCK_MODE_SEQUENCE",
      output: { o: "1" },
      steps: [
        {
          ...{ id: "s", title: "t", if: "true", priority: 5 },
          task: {
            agent: { capability: "work", where: "true" },
            literal: { a: 1 },
            input: { b: "1" },
          },
          retry: {
            maxAttempts: 2,
            initialDelay: "1s",
            multiplier: 2,
            maxDelay: "10s",
            retryIf: "true",
          },
          timeouts: { queued: "10s", attempt: "10s", total: "60s", heartbeat: "5s" },
          fallback: { steps: [{ id: "f", set: { values: { x: "1" } } }] },
        },
      ],
    },
  };
  const step = template.main.steps[0] as JsonObject;
  const kinds = [{ set: { values: { x: "1" } } }, { fail: { reason: "NO", message: "m" } }];
  const others = kinds.map((kind) => {
    const { task: _, retry: __, timeouts: ___, fallback: ____, ...rest } = step;
    return { ...template, main: { ...template.main, steps: [{ ...rest, ...kind }] } };
  });
  const sources = [
    { source: { text: TEXT } },
    ...[template, ...others].map((one) => ({ source: { template: one } })),
  ];
  const run = (input: JsonObject) => ({
    templateId: "t",
    version: "1.0.0",
    input,
    labels: { k: "v" },
  });
  const log = {
    ...{ kind: "LOG_ENTRY_KIND_OPERATION", operation: "x.y", severity: "SEVERITY_INFO" },
    ...{
      message: "m",
      attributes: { a: 1 },
      eventTime: "2026-01-01T00:00:00Z",
      time: "2026-01-01T00:00:00Z",
    },
    ...{ agentId, runId, taskId, stepPath: "one", traceId: "a".repeat(32), spanId: "b".repeat(16) },
  };
  return {
    RegisterAgent: [
      {
        agentId: "b",
        spec,
        openSession: { leaseDuration: "600s", ifLive: "IF_SESSION_LIVE_TAKE_OVER" },
      },
    ],
    GetAgent: [{ agentId, wait: "0s" }],
    ListAgents: [{ filter: "state == 'idle'", pageSize: 10 }],
    UpdateAgent: [{ agentId, spec, updateMask: "displayName" }],
    DeregisterAgent: [{ agentId: "nobody" }],
    OpenSession: [
      { agentId: "b", options: { leaseDuration: "600s", ifLive: "IF_SESSION_LIVE_TAKE_OVER" } },
    ],
    CloseSession: [{ sessionId: "none", epoch: 1, reason: "r" }],
    ListSessions: [{ agentId, pageSize: 10 }],
    Heartbeat: [{ beat }],
    ReportState: [{ report }],
    ReportAgents: [{ reports: [{ beat }] }, { reports: [{ state: report }] }],
    ListAgentEntries: [entries],
    WatchAgents: watches,
    GetServerInfo: [{}],
    LogOperations: [{ entries: [log], durability: "LOG_DURABILITY_COMMITTED" }],
    SearchLogs: [
      { text: "x", fromTime: "2026-01-01T00:00:00Z", toTime: "2027-01-01T00:00:00Z", pageSize: 10 },
    ],
    ListLogEntries: [entries],
    TailLogs: watches,
    PollTasks: [{ sessionId, epoch, maxTasks: 1, wait: "0s", held }],
    StreamTasks: [{ sessionId, epoch, window: 1 }],
    WorkTasks: [
      { open: { sessionId, epoch, window: 1 }, beat },
      ...reports.map((one) => ({ open: { sessionId, epoch, window: 1 }, reports: [one] })),
    ],
    AckTask: [task],
    CompleteTask: outputs.map((one) => ({ ...task, output: one })),
    FailTask: [{ ...task, fail: { failure } }],
    ReleaseTask: [{ ...task, release: { notBefore: "1s", reason: "r" } }],
    ReportTasks: reports.map((one) => ({ reports: [one] })),
    PublishTemplate: sources,
    ValidateTemplate: sources,
    GetTemplate: [{ templateId: "t", version: "1.0.0" }],
    ListTemplates: [{ templateId: "t", pageSize: 10 }],
    StartRun: outputs.map(run),
    StartRuns: outputs.map((one) => ({ runs: [run(one)] })),
    GetRun: [{ runId, view: "VIEW_FULL", wait: "0s" }],
    ListRuns: [{ filter: "state == 'running'", pageSize: 10 }],
    ControlRuns: [
      { target: { ids: { ids: ["none"] } }, cancel: { grace: "1s" }, reason: "r" },
      { target: { filter: "run_id == 'none'" }, cancel: { grace: "1s" }, reason: "r" },
    ],
    ListRunEntries: [{ runId, ...entries }],
    WatchRuns: watches.map((watch) => ({ runId, ...watch })),
    GetTask: [{ taskId }],
    ListTasks: [{ filter: "run_id == 'r'", pageSize: 10 }],
  };
}
