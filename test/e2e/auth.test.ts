import type { DescMethod, DescMethodStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorDetailSchema, ErrorReason } from "../../gen/opscore/v1/errors_pb.ts";
import { AgentState } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { TaskState } from "../../gen/opscore/v1/task_pb.ts";
import { createOpsClient, type OpsClient } from "../../src/client/index.ts";
import { METHODS } from "../contract/services.ts";
import { DOOR_NAMES, DOORS, type Door, type DoorName } from "./doors.ts";
import { type Server, startServer } from "./server.ts";

const SECRETS = {
  ana: "user-secret-of-ana",
  ada: "agent-secret-of-ada",
  bo: "agent-secret-of-bo",
} as const;
const KEYS = {
  OPSCORE_API_KEYS: `user:ana=${SECRETS.ana},agent:ada=${SECRETS.ada},agent:bo=${SECRETS.bo}`,
} as const;
const TEMPLATE =
  "{ template_id: t, version: 1.0.0, main: { steps: [{ id: s, task: { agent: { capability: c } } }] } }";

describe("with keys set, every door asks for one", () => {
  test.each(DOOR_NAMES)("%s, for every method", async (name) => {
    const server = await startServer(KEYS);
    const transport = DOORS[name].open(server);
    const methods = METHODS.filter((method) => carries(DOORS[name], method));
    expect(METHODS.length - methods.length).toBeLessThanOrEqual(2);
    const refused = methods.map(async (method) => [
      method.name,
      await refusalOf(transport, method),
    ]);
    expect(await Promise.all(refused)).toEqual(
      methods.map((method) => [method.name, "UNAUTHENTICATED"]),
    );
    const [first] = methods;
    const wrong = { authorization: "Bearer a-secret-of-nobody-here" };
    if (first) expect(await refusalOf(transport, first, wrong)).toBe("UNAUTHENTICATED");
    const { principal } = await clientOf(server, name, "ana").lifecycle.getServerInfo({});
    expect(principal).toBe("user:ana");
  });

  test("by GET too; only probes and health are open, and say how it is and no more", async () => {
    const { url } = await startServer(KEYS);
    const reads = METHODS.filter(({ idempotency }) => idempotency === 1);
    expect(reads.length).toBeGreaterThan(15);
    for (const { parent, name, methodKind } of reads) {
      const query = methodKind === "unary" ? "?connect=v1&encoding=json&message=%7B%7D" : "";
      const { status } = await fetch(`${url}/${parent.typeName}/${name}${query}`);
      expect([name, status]).toEqual([name, 401]);
    }
    for (const probe of ["healthz", "readyz"]) {
      expect(await (await fetch(`${url}/${probe}`)).text()).toBe("ok\n");
    }
    expect(await post(`${url}/grpc.health.v1.Health/Check`)).toEqual([200, { status: "SERVING" }]);
    const paths = ["", "opscore", "opscore.v1.TaskService/NoSuchMethod", "metrics"];
    for (const path of paths) {
      const { status } = await fetch(`${url}/${path}`);
      expect([path, status]).toEqual([path, expect.toSatisfy((code: number) => code >= 400)]);
    }
  });
});

test("an agent's key is for that agent, and for what agents do", async () => {
  const server = await startServer(KEYS);
  const [ana, ada, bo] = (["ana", "ada", "bo"] as const).map((who) =>
    clientOf(server, "gRPC", who),
  );
  if (ana === undefined || ada === undefined || bo === undefined) throw new Error("no client");
  await ana.workflow.publishTemplate({ source: { source: { case: "text", value: TEMPLATE } } });
  const spec = { capabilities: [{ name: "c" }] };
  const { agent } = await bo.lifecycle.registerAgent({ agentId: "bo", spec, openSession: {} });
  const { sessionId = "", epoch = 0 } = agent?.session ?? {};
  await bo.workflow.startRun({ runId: "r", templateId: "t" });
  const { assignments } = await bo.task.pollTasks({ sessionId, epoch, wait: { seconds: 10n } });
  const { taskId = "", leaseEpoch = 0 } = assignments[0] ?? {};
  expect(leaseEpoch).toBe(1);

  const session = { sessionId, epoch };
  const beat = { agentId: "bo", ...session };
  const report = { ...beat, state: AgentState.IDLE };
  const held = { taskId, leaseEpoch };
  const updateMask = { paths: ["capabilities"] };
  const fail = { failure: { reason: "FORGED" } };
  const inItsName: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["RegisterAgent", () => ada.lifecycle.registerAgent({ agentId: "bo", spec })],
    ["DeregisterAgent", () => ada.lifecycle.deregisterAgent({ agentId: "bo" })],
    ["OpenSession", () => ada.lifecycle.openSession({ agentId: "bo" })],
    ["CloseSession", () => ada.lifecycle.closeSession(session)],
    ["Heartbeat", () => ada.lifecycle.heartbeat({ beat })],
    ["ReportState", () => ada.lifecycle.reportState({ report })],
    ["PollTasks", () => ada.task.pollTasks(session)],
    ["StreamTasks", () => firstOf(ada.task.streamTasks(session))],
    ["WorkTasks", () => firstOf(ada.task.workTasks(once({ open: session })))],
    ["AckTask", () => ada.task.ackTask(held)],
    ["CompleteTask", () => ada.task.completeTask(held)],
    ["FailTask", () => ada.task.failTask({ ...held, fail })],
    ["ReleaseTask", () => ada.task.releaseTask(held)],
  ];
  for (const [name, ask] of inItsName) {
    expect([name, await reasonOf(ask())]).toEqual([name, "IDENTITY_MISMATCH"]);
  }
  const batches = [
    (await ada.lifecycle.reportAgents({ reports: [{ report: { case: "beat", value: beat } }] }))
      .results[0]?.result,
    (await ada.lifecycle.reportAgents({ reports: [{ report: { case: "state", value: report } }] }))
      .results[0]?.result,
    (await ada.task.reportTasks({ reports: [{ ...held, report: { case: "ack", value: {} } }] }))
      .results[0]?.result,
  ];
  for (const result of batches) {
    expect(result?.case === "error" && result.value.detail?.reason).toBe(
      ErrorReason.IDENTITY_MISMATCH,
    );
  }
  const { rejections } = await ada.logging.logOperations({
    entries: [{ message: "forged", agentId: "bo" }],
  });
  expect(rejections[0]?.error?.detail?.reason).toBe(ErrorReason.IDENTITY_MISMATCH);
  for (const ask of [
    () => ada.workflow.publishTemplate({ source: { source: { case: "text", value: TEMPLATE } } }),
    () => ada.lifecycle.updateAgent({ agentId: "bo", spec, updateMask }),
    () => ada.workflow.getTemplate({ templateId: "t" }),
    () => ada.workflow.controlRuns({ action: { case: "cancel", value: {} }, target: {} }),
  ]) {
    expect(await reasonOf(ask())).toBe("SCOPE_MISSING");
  }
  // Nothing of it had an effect.
  const { task } = await ana.workflow.getTask({ taskId });
  expect(task).toMatchObject({ agentId: "bo", leaseEpoch: 1, attempt: 1 });
  expect((await bo.task.completeTask(held)).receipt?.state).toBe(TaskState.SUCCEEDED);
});

function carries({ streams, talks }: Door, { methodKind, idempotency }: DescMethod): boolean {
  if (methodKind === "bidi_streaming") return talks;
  return methodKind === "unary" || streams || idempotency === 1;
}

function clientOf(server: Server, door: DoorName, who: keyof typeof SECRETS): OpsClient {
  const transport = DOORS[door].open(server);
  const header = { authorization: `Bearer ${SECRETS[who]}` };
  return createOpsClient({
    url: server.url,
    transport: {
      unary: (method, signal, timeoutMs, _, input) =>
        transport.unary(method, signal, timeoutMs, header, input),
      stream: (method, signal, timeoutMs, _, input) =>
        transport.stream(method, signal, timeoutMs, header, input),
    },
  });
}

/** The reason for which an empty message is refused. */
async function refusalOf(
  transport: Transport,
  method: DescMethod,
  header: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  return await reasonOf(
    method.methodKind === "unary"
      ? transport.unary(method as DescMethodUnary, undefined, undefined, header, {} as never)
      : transport
          .stream(method as DescMethodStreaming, undefined, undefined, header, once({}) as never)
          .then(({ message }) => firstOf(message)),
  );
}

async function reasonOf(answer: Promise<unknown>): Promise<string | undefined> {
  try {
    await answer;
    return undefined;
  } catch (error) {
    const [detail] = ConnectError.from(error).findDetails(ErrorDetailSchema);
    const named = Object.entries(ErrorReason).find(([, value]) => value === detail?.reason);
    return named?.[0] ?? String(error);
  }
}

async function* once<T>(message: T): AsyncGenerator<T> {
  yield message;
}

async function firstOf(messages: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of messages) return message;
  throw new Error("the stream ended");
}

async function post(url: string): Promise<readonly unknown[]> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: "{}" });
  return [answer.status, await answer.json()];
}
