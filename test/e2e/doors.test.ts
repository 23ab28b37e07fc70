import { type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { credentials } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { AgentState } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LogDurability, Severity } from "../../gen/opscore/v1/logging_pb.ts";
import {
  Disposition,
  type TaskAssignment,
  type WorkTasksRequestSchema,
} from "../../gen/opscore/v1/task_pb.ts";
import { type Run, RunState, View } from "../../gen/opscore/v1/workflow_pb.ts";
import { createGrpcJsClient } from "../../src/client/grpc-js.ts";
import type { OpsClient } from "../../src/client/index.ts";
import { collect, startAfter } from "./collect.ts";
import { clientOf, DOOR_NAMES, DOORS } from "./doors.ts";
import { Feed } from "./feed.ts";
import { startServer } from "./server.ts";
import { expectEnded, expectOrdered, expectSame, readJournals } from "./validators.ts";

const LONGEST_MS = 60_000;
const TEMPLATE = `
template_id: greeting
version: 1.0.0
main:
  steps:
    - id: greet
      task: { agent: { capability: greet }, input: { name: input.name } }
    - id: polish
      task: { agent: { capability: greet }, input: { text: steps.greet.output } }
output: { text: steps.polish.output }
`;

interface Held {
  readonly sessionId: string;
  readonly epoch: number;
}

describe.each(DOOR_NAMES)("%s", (name) => {
  const door = DOORS[name];

  test(
    "carries the whole journey, through a crash",
    async () => {
      const server = await startServer();
      const ops = clientOf(name, server);
      const { version } = await ops.lifecycle.getServerInfo({});
      expect(version).not.toBe("");
      const watchers = startWatchers(ops);

      const session = await register(ops);
      await ops.workflow.publishTemplate({ source: { source: { case: "text", value: TEMPLATE } } });
      await startRun(ops, "r1");
      await complete(ops, await pollOne(ops, session), "Hello");
      await log(ops, 1, "greeted");
      await Promise.all([
        watchers.runs.until((entries) => entries.some(({ stepPath }) => stepPath === "polish")),
        watchers.agents.until((entries) => entries.length >= 3),
        watchers.logs.until((entries) => entries.length === 1),
      ]);

      await server.crash();
      const second = door.streams ? await streamOne(ops, session) : await pollOne(ops, session);
      expect(second).toMatchObject({ stepPath: "polish", runId: "r1" });
      await complete(ops, second, "Hello, Ada");
      if (door.talks) {
        await startRun(ops, "r2");
        await workThrough(ops, session);
      }
      await log(ops, 2, "polished");
      const { run } = await ops.workflow.getRun({ runId: "r1", view: View.FULL });
      expect(outputOf(run)).toEqual([RunState.SUCCEEDED, { text: "Hello, Ada" }]);

      const journals = await readJournals(ops);
      expectOrdered(journals);
      expectEnded(journals.runs);
      await watchers.runs.until(({ length }) => length >= journals.runs.length);
      await watchers.agents.until(({ length }) => length >= journals.agents.length);
      await watchers.logs.until(({ length }) => length >= journals.logs.length);
      for (const watcher of Object.values(watchers)) {
        await watcher.leave();
        expect(watcher.interruptions).toBeGreaterThan(0);
      }
      const { runs, agents, logs } = watchers;
      expectSame({ runs: runs.entries, agents: agents.entries, logs: logs.entries }, journals);
      expect(watchers.logs.entries.map(({ message }) => message)).toEqual(["greeted", "polished"]);
    },
    LONGEST_MS,
  );
});

function startWatchers({ workflow, lifecycle, logging }: OpsClient) {
  return {
    runs: collect((after, options) => workflow.watchRuns(startAfter(after), options)),
    agents: collect((after, options) => lifecycle.watchAgents(startAfter(after), options)),
    logs: collect((after, options) => logging.tailLogs(startAfter(after), options)),
  };
}

async function register({ lifecycle }: OpsClient): Promise<Held> {
  const { agent } = await lifecycle.registerAgent({
    agentId: "ada",
    spec: { capabilities: [{ name: "greet", version: "1.2.3" }], slots: 3 },
    openSession: {},
    requestId: "register-1",
  });
  const { sessionId = "", epoch = 0 } = agent?.session ?? {};
  const report = { agentId: "ada", sessionId, epoch, state: AgentState.IDLE, statusText: "ready" };
  await lifecycle.reportState({ report });
  await lifecycle.heartbeat({ beat: { agentId: "ada", sessionId, epoch } });
  return { sessionId, epoch };
}

async function startRun({ workflow }: OpsClient, runId: string): Promise<void> {
  const name = { kind: { case: "stringValue", value: "Ada" } } as const;
  const value = { kind: { case: "structValue", value: { fields: { name } } } } as const;
  const input = { data: { case: "json", value } } as const;
  const request = { runId, templateId: "greeting", input, requestId: `start-${runId}` };
  const { created } = await workflow.startRun(request);
  expect(created).toBe(true);
}

async function pollOne({ task }: OpsClient, session: Held): Promise<TaskAssignment> {
  const { assignments } = await task.pollTasks({ ...session, wait: { seconds: 10n } });
  return onlyOf(assignments);
}

async function streamOne({ task }: OpsClient, session: Held): Promise<TaskAssignment> {
  const leaving = new AbortController();
  try {
    for await (const { assignments } of task.streamTasks(session, { signal: leaving.signal })) {
      if (assignments.length > 0) return onlyOf(assignments);
    }
  } finally {
    leaving.abort();
  }
  throw new Error("the stream ended");
}

/** Both tasks of a run over one two-way stream. */
async function workThrough({ task }: OpsClient, session: Held): Promise<void> {
  const said = new Feed<MessageInitShape<typeof WorkTasksRequestSchema>>();
  said.push({ open: session });
  let done = 0;
  for await (const frame of task.workTasks(said)) {
    for (const { taskId, leaseEpoch, stepPath } of frame.assignments) {
      const value = { output: textOf(stepPath) };
      said.push({
        reports: [
          { taskId, leaseEpoch, reportSeq: 1, report: { case: "ack", value: {} } },
          { taskId, leaseEpoch, reportSeq: 2, report: { case: "complete", value } },
        ],
        beat: { agentId: "ada", ...session },
      });
    }
    for (const { result, reportSeq } of frame.results) {
      expect(result.case === "receipt" && result.value.disposition).toBe(Disposition.RECORDED);
      if (reportSeq === 2 && ++done === 2) said.end();
    }
  }
  expect(done).toBe(2);
}

async function complete({ task }: OpsClient, held: TaskAssignment, text: string): Promise<void> {
  const { taskId, leaseEpoch } = held;
  await task.ackTask({ taskId, leaseEpoch });
  const output = textOf(text);
  const { receipt } = await task.completeTask({ taskId, leaseEpoch, output });
  expect(receipt?.disposition).toBe(Disposition.RECORDED);
}

async function log({ logging }: OpsClient, sequence: number, message: string): Promise<void> {
  const { accepted } = await logging.logOperations({
    producerId: "ada-1",
    firstProducerSeq: BigInt(sequence),
    durability: LogDurability.COMMITTED,
    entries: [{ operation: "greet", severity: Severity.INFO, message, agentId: "ada" }],
  });
  expect(accepted).toBe(1);
}

function textOf(text: string) {
  return { data: { case: "json", value: { kind: { case: "stringValue", value: text } } } } as const;
}

function outputOf(run: Run | undefined): readonly unknown[] {
  const { state, output } = run ?? {};
  return [state, output?.data.case === "json" ? toJson(ValueSchema, output.data.value) : undefined];
}

function onlyOf(assignments: readonly TaskAssignment[]): TaskAssignment {
  expect(assignments).toHaveLength(1);
  const [task] = assignments;
  if (task === undefined) throw new Error("no task");
  return task;
}

test(
  "a server that is asked to stop leaves every door's streams a place to resume at",
  async () => {
    const server = await startServer();
    const clients = DOOR_NAMES.map((name) => clientOf(name, server));
    const [ops] = clients;
    if (ops === undefined) throw new Error("no door");
    const watchers = clients.map(({ lifecycle }) =>
      collect((after, options) => lifecycle.watchAgents(startAfter(after), options)),
    );
    await register(ops);
    for (const watcher of watchers) await watcher.until(({ length }) => length >= 3);
    expect(await server.stop()).toBe(0);
    await server.start();
    await ops.lifecycle.reportState({ report: { agentId: "ada", state: AgentState.ACTIVE } });
    const journals = await readJournals(ops);
    for (const watcher of watchers) {
      await watcher.until(({ length }) => length >= journals.agents.length);
      expectSame({ agents: watcher.entries }, journals);
      expect(watcher.interruptions).toBeGreaterThan(0);
    }
  },
  LONGEST_MS,
);

test("health and reflection answer grpc-js", async () => {
  const { address } = await startServer();
  const health = createGrpcJsClient(Health, address, credentials.createInsecure());
  const status = await new Promise((resolve, reject) => {
    health.check({ service: "opscore.v1.TaskService" }, (error, answer) =>
      error === null ? resolve(answer?.status) : reject(error),
    );
  });
  expect(status).toBe(HealthCheckResponse_ServingStatus.SERVING);
  const [watched] = await firstOf(health.watch({ service: "" }));
  expect(watched).toMatchObject({ status: HealthCheckResponse_ServingStatus.SERVING });
  health.close();
  for (const service of [ServerReflection, ServerReflectionAlpha]) {
    const client = createGrpcJsClient(service, address, credentials.createInsecure());
    const call = client.serverReflectionInfo();
    call.write({ messageRequest: { case: "listServices", value: "*" } });
    const [services] = await firstOf(call);
    expect(JSON.stringify(services)).toContain("opscore.v1.WorkflowService");
    client.close();
  }
});

async function firstOf(call: AsyncIterable<unknown>): Promise<readonly [unknown]> {
  for await (const message of call) return [message];
  throw new Error("the stream ended");
}
