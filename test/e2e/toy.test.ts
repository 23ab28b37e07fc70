import { create, type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { durationFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { createConnectTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/opscore/v1/errors_pb.ts";
import { AgentEntryKind, RegisterAgentResponseSchema } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { Disposition, type TaskAssignment, TaskState } from "../../gen/opscore/v1/task_pb.ts";
import {
  PublishTemplateResponseSchema,
  RunState,
  StartRunResponseSchema,
} from "../../gen/opscore/v1/workflow_pb.ts";
import { createOpsClient, type OpsClient } from "../../src/client/index.ts";
import { type Node, nameOf, nodeAt, type Source, sources } from "../house/source.ts";
import { reasonOf } from "./agents.ts";
import { clientOf, type DoorName } from "./doors.ts";
import { startOneWayProxy } from "./proxy.ts";
import { QUICK, startServer } from "./server.ts";
import { expectOrdered, type Journals, readJournals } from "./validators.ts";

// What a toy has not: five things that only hold when the whole of it is durable.

const LONGEST_MS = 60_000;
const FOLLOW = "src/engine/follow.ts";
/** Reads no entries: whether the oldest one is still there. */
const FLOOR = "src/engine/journal-reads.ts";

describe("every reader of a journal goes through follow", () => {
  const src = sources("src/**/*.ts");

  test("only follow reads entries and waits for them", () => {
    const calling = (method: string) =>
      src.filter(({ nodes }) => nodes.some((node) => callsStore(node, method)));
    expect(calling("read").map(({ file }) => file)).toEqual([FOLLOW, FLOOR]);
    expect(calling("changed").map(({ file }) => file)).toEqual([FOLLOW]);
  });

  test.each(["watchAgents", "watchRuns", "tailLogs"])("%s is a watch", (name) => {
    expect(handlersCalling(src, name, "watch")).toBe(1);
  });

  test.each(["listAgentEntries", "listRunEntries", "listLogEntries"])("%s is its twin", (name) => {
    expect(handlersCalling(src, name, "listEntries")).toBe(1);
  });

  test.each(["src/rpc/watch.ts", "src/rpc/list-entries.ts"])("%s follows", (file) => {
    const source = src.find((one) => one.file === file);
    expect(source?.text).toContain("journals.follow(");
  });
});

function callsStore(node: Node, method: string): boolean {
  const callee = node.type === "CallExpression" ? nodeAt(node, "callee") : undefined;
  if (callee === undefined) return false;
  const object = nodeAt(callee, "object");
  const isStore =
    nameOf(object && nodeAt(object, "property")) === "store" || nameOf(object) === "store";
  return isStore && nameOf(nodeAt(callee, "property")) === method;
}

function handlersCalling(src: readonly Source[], name: string, call: string): number {
  return src
    .filter(({ file }) => file.startsWith("src/rpc/"))
    .flatMap(({ nodes }) => {
      const handlers = nodes.filter(
        (n) => n.type === "Property" && nameOf(nodeAt(n, "key")) === name,
      );
      return handlers.filter(({ start, end }) =>
        nodes.some(
          (n) =>
            n.type === "CallExpression" &&
            n.start > start &&
            n.end < end &&
            nameOf(nodeAt(n, "callee")) === call,
        ),
      );
    }).length;
}

test("an agent that does not fit gets nothing, costs nothing and blocks nothing", async () => {
  const ops = clientOf("Connect over HTTP/2", await startServer());
  const [old, other, right] = [
    await open(ops, "old", "plan", "1.4.0", "b"),
    await open(ops, "other", "plan", "2.1.0", "a"),
    await open(ops, "right", "plan", "2.1.0", "b"),
  ];
  await publish(ops, "picky", '{ capability: "plan@^2", where: "agent.labels.team == \'b\'" }');
  await publish(ops, "easy", "{ capability: plan }");
  const first = [old, other].map((session) => poll(ops, session, 10));
  await ops.workflow.startRun({ runId: "picky-1", templateId: "picky", priority: 9 });
  for (const runId of ["easy-1", "easy-2"]) {
    await ops.workflow.startRun({ runId, templateId: "easy", priority: 1 });
  }
  const passed = await Promise.all(first);
  expect(passed.map((task) => task?.runId).sort()).toEqual(["easy-1", "easy-2"]);
  expect(await poll(ops, old, 0)).toBeUndefined();
  const { tasks } = await ops.workflow.listTasks({ filter: "run_id == 'picky-1'" });
  expect(tasks).toMatchObject([
    { state: TaskState.QUEUED, attempt: 0, leaseEpoch: 0, agentId: "" },
  ]);
  expect(await poll(ops, right, 10)).toMatchObject({ runId: "picky-1", attempt: 1, leaseEpoch: 1 });
});

describe("an answer that was lost with the server is given again, whoever asks how", () => {
  const AGAIN: readonly DoorName[] = ["grpc-js", "gRPC-Web", "curl and NDJSON"];

  test.each([
    {
      name: "StartRun",
      schema: StartRunResponseSchema,
      ask: ({ workflow }: OpsClient, options: object) =>
        workflow.startRun({ templateId: "easy", requestId: "once" }, options),
      written: ({ runs }: Journals) =>
        runs.filter(({ runId, sequence }) => runId !== "" && sequence === 1),
    },
    {
      name: "PublishTemplate",
      schema: PublishTemplateResponseSchema,
      ask: ({ workflow }: OpsClient, options: object) =>
        workflow.publishTemplate(
          { ...templateOf("new", "{ capability: x }"), requestId: "once" },
          options,
        ),
      written: ({ runs }: Journals) =>
        runs.filter(({ body }) => body.case === "template" && body.value.templateId === "new"),
    },
    {
      name: "RegisterAgent",
      schema: RegisterAgentResponseSchema,
      ask: ({ lifecycle }: OpsClient, options: object) =>
        lifecycle.registerAgent({ spec: {}, openSession: {}, requestId: "once" }, options),
      written: ({ agents }: Journals) =>
        agents.filter(({ kind }) => kind === AgentEntryKind.SESSION_OPENED),
    },
  ])("$name", async ({ schema, ask, written }) => {
    const server = await startServer();
    const ops = clientOf("Connect over HTTP/2", server);
    await publish(ops, "easy", "{ capability: plan }");
    const { url } = await startOneWayProxy(server.port);
    const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1" });
    const lost = expect(ask(createOpsClient({ url, transport }), {})).rejects.toThrow();
    const found = async (): Promise<readonly unknown[]> => written(await readJournals(ops));
    await expect.poll(found, { timeout: 10_000, interval: 5 }).toHaveLength(1);
    await server.crash();
    await lost;

    const answers: string[] = [];
    for (const door of AGAIN) {
      let replayed: string | null = null;
      const onHeader = (header: Headers) => {
        replayed = header.get("opscore-replayed");
      };
      const answer = await ask(clientOf(door, server), { onHeader });
      expect([door, replayed]).toEqual([door, "1"]);
      answers.push(jsonOf(schema, answer as never));
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('"created":true');
    expect(await found()).toHaveLength(1);
  });
});

test(
  "what waits when the server is killed still comes, and not before its time",
  async () => {
    const server = await startServer(QUICK);
    const ops = clientOf("gRPC", server);
    for (const [id, rest] of [
      ["retried", "retry: { initial_delay: 10ms }"],
      ["queued", "timeouts: { queued: 4s }"],
      ["attempted", "timeouts: { attempt: 4s }, retry: { max_attempts: 1 }"],
      ["left", "retry: { initial_delay: 10ms }"],
    ]) {
      await publish(ops, `${id}`, `{ capability: ${id} }`, `${rest}`);
    }
    await publish(ops, "timed", "{ capability: nobody }", "priority: 5", "timeout: 4s");
    for (const id of ["retried", "queued", "attempted", "left", "timed"]) {
      await ops.workflow.startRun({ runId: id, templateId: id });
    }
    const [retrier, slow, leaver] = [
      await open(ops, "retrier", "retried", "", ""),
      await open(ops, "slow", "attempted", "", ""),
      await open(ops, "leaver", "left", "", ""),
    ];
    const failed = await poll(ops, retrier, 10);
    const failure = { reason: "LATER", retryAfter: durationFromMs(3_000) };
    const { taskId = "", leaseEpoch = 0 } = failed ?? {};
    await ops.task.failTask({ taskId, leaseEpoch, fail: { failure } });
    const { task } = await ops.workflow.getTask({ taskId });
    expect(task?.state).toBe(TaskState.RETRY_WAIT);
    expect((await poll(ops, slow, 10))?.runId).toBe("attempted");
    const left = await poll(ops, leaver, 10);
    expect(left).toMatchObject({ runId: "left", leaseEpoch: 1 });
    const { runs } = await ops.workflow.listRuns({ filter: "state == 'running'" });
    expect(runs).toHaveLength(5);
    await server.crash();

    const again = await open(ops, "retrier", "retried", "", "");
    expect(await poll(ops, again, 10)).toMatchObject({ runId: "retried", attempt: 2 });
    const { task: handed } = await ops.workflow.getTask({ taskId });
    expect(timeOf(handed?.startTime)).toBeGreaterThanOrEqual(timeOf(task?.nextAttemptTime));
    // Nobody closes the session of the agent that left: its lease runs out.
    const heir = await open(ops, "heir", "left", "", "");
    const inherited = await poll(ops, heir, 20);
    expect(inherited).toMatchObject({ runId: "left", attempt: 2, leaseEpoch: 2 });
    await expectOneEnd(ops, left, inherited);
    for (const [runId, reason] of [
      ["queued", "TIMEOUT_QUEUED"],
      ["attempted", "ATTEMPTS_EXHAUSTED"],
      ["timed", "TIMEOUT_RUN"],
    ] as const) {
      const { run } = await ops.workflow.getRun({
        runId,
        untilEnded: true,
        wait: { seconds: 20n },
      });
      expect([runId, run?.state, run?.failure?.reason]).toEqual([runId, RunState.FAILED, reason]);
    }
    expectOrdered(await readJournals(ops));
  },
  LONGEST_MS,
);

/** The report under the lease before is refused, whatever it says; that of the present one counts once. */
async function expectOneEnd(
  { task }: OpsClient,
  before: TaskAssignment | undefined,
  now: TaskAssignment | undefined,
): Promise<void> {
  const complete = async ({ taskId = "", leaseEpoch = 0 }: Partial<TaskAssignment> = {}) => {
    const { receipt } = await task.completeTask({ taskId, leaseEpoch });
    return receipt?.disposition;
  };
  const lost = expect.toSatisfy((error) => reasonOf(error) === ErrorReason.LEASE_LOST);
  await expect(complete(before)).rejects.toEqual(lost);
  expect(await complete(now)).toBe(Disposition.RECORDED);
  expect(await complete(now)).toBe(Disposition.DUPLICATE);
  await expect(complete(before)).rejects.toEqual(lost);
}

interface Held {
  readonly sessionId: string;
  readonly epoch: number;
}

async function open(
  { lifecycle }: OpsClient,
  agentId: string,
  name: string,
  version: string,
  team: string,
): Promise<Held> {
  const spec = { capabilities: [{ name, version }], labels: { team } };
  const { agent } = await lifecycle.registerAgent({ agentId, spec, openSession: {} });
  const { sessionId = "", epoch = 0 } = agent?.session ?? {};
  return { sessionId, epoch };
}

async function poll({ task }: OpsClient, session: Held, seconds: number) {
  const wait = { seconds: BigInt(seconds) };
  const { assignments } = await task.pollTasks({ ...session, wait, autoAck: true });
  return assignments[0];
}

function templateOf(id: string, agent: string, step = "priority: 5", run = "title: A test") {
  const value = `{ template_id: ${id}, version: 1.0.0, ${run}, main: { steps: [{ id: work, ${step}, task: { agent: ${agent} } }] } }`;
  return { source: { source: { case: "text", value } } } as const;
}

async function publish({ workflow }: OpsClient, ...given: Parameters<typeof templateOf>) {
  await workflow.publishTemplate(templateOf(...given));
}

function jsonOf<D extends DescMessage>(schema: D, message: MessageShape<D>): string {
  return JSON.stringify(toJson(schema, create(schema, message as never)));
}

function timeOf(time: Parameters<typeof timestampMs>[0] | undefined): number {
  if (time === undefined) throw new Error("no time");
  return timestampMs(time);
}
