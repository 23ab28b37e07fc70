import { connect } from "node:http2";
import { gzipSync } from "node:zlib";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ErrorDetailSchema, ErrorReason } from "../../../gen/opscore/v1/errors_pb.ts";
import { LifecycleService } from "../../../gen/opscore/v1/lifecycle_pb.ts";
import { type HttpRig, openHttpRig } from "./rig.ts";

const LIFECYCLE = "/opscore.v1.LifecycleService";

let rig: HttpRig;
beforeAll(async () => {
  rig = await openHttpRig({ limit_request_bytes: "64KiB" });
  await rig.lifecycle.registerAgent({ agentId: "writer", spec: {} });
  await rig.lifecycle.registerAgent({ agentId: "reader", spec: {} });
});
afterAll(() => rig[Symbol.asyncDispose]());

type Ask = { readonly case: "listServices" | "fileContainingSymbol"; readonly value: string };

const post = (
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
) =>
  fetch(rig.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });

describe("one port", () => {
  test.each([
    [
      "Connect over HTTP/1.1",
      () => createConnectTransport({ baseUrl: rig.url, httpVersion: "1.1" }),
    ],
    ["Connect over HTTP/2", () => createConnectTransport({ baseUrl: rig.url, httpVersion: "2" })],
    ["gRPC", () => createGrpcTransport({ baseUrl: rig.url })],
    [
      "gRPC-Web over HTTP/1.1",
      () => createGrpcWebTransport({ baseUrl: rig.url, httpVersion: "1.1" }),
    ],
    ["gRPC-Web over HTTP/2", () => createGrpcWebTransport({ baseUrl: rig.url, httpVersion: "2" })],
  ])("%s: calls, refusals and streams", async (_, transport) => {
    const client = createClient(LifecycleService, transport());
    expect((await client.getAgent({ agentId: "writer" })).agent?.agentId).toBe("writer");
    const error = await client.getAgent({ agentId: "nobody" }).catch(ConnectError.from);
    expect((error as ConnectError).code).toBe(Code.NotFound);
    const [detail] = (error as ConnectError).findDetails(ErrorDetailSchema);
    expect(detail).toMatchObject({ reason: ErrorReason.AGENT_NOT_FOUND, resource: "agent/nobody" });
    const leaving = new AbortController();
    const names: string[] = [];
    for await (const frame of client.watchAgents({}, { signal: leaving.signal })) {
      names.push(...frame.agents.map(({ agentId }) => agentId));
      if (frame.control?.control.case === "snapshotDone") break;
    }
    leaving.abort();
    expect(names).toEqual(["reader", "writer"]);
  });

  test("a read can be asked for by GET", async () => {
    const message = encodeURIComponent(JSON.stringify({ agentId: "writer" }));
    const answer = await fetch(
      `${rig.url}${LIFECYCLE}/GetAgent?connect=v1&encoding=json&message=${message}`,
    );
    expect(await answer.json()).toMatchObject({ agent: { agentId: "writer" } });
    expect(answer.headers.get("opscore-version")).toBeTruthy();
  });
});

describe("what is wrong is named", () => {
  test("an unknown field", async () => {
    const answer = await post(`${LIFECYCLE}/GetAgent`, '{"agent": "x"}');
    expect(answer.status).toBe(400);
    const { message, details } = (await answer.json()) as { message: string; details: unknown[] };
    expect(message).toContain("agent");
    expect(details).toMatchObject([{ debug: { reason: "ERROR_REASON_MALFORMED" } }]);
  });

  test("bytes that are no message, over gRPC", async () => {
    const session = connect(rig.url);
    const stream = session.request({
      ":method": "POST",
      ":path": `${LIFECYCLE}/GetAgent`,
      "content-type": "application/grpc+proto",
      te: "trailers",
    });
    stream.end(Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]));
    const trailers = await new Promise<Record<string, unknown>>((resolve) => {
      stream.on("trailers", resolve);
      stream.resume();
    });
    session.destroy();
    expect(trailers["grpc-status"]).toBe("3");
    expect(String(trailers["grpc-status-details-bin"])).not.toBe("undefined");
  });

  test("an unknown enum name", async () => {
    const report = { report: { agentId: "writer", state: "AGENT_STATE_HAPPY" } };
    expect((await post(`${LIFECYCLE}/ReportState`, JSON.stringify(report))).status).toBe(400);
  });

  test("a field that breaks its rule, with its place", async () => {
    const answer = await post(`${LIFECYCLE}/ListAgents`, '{"pageSize": 1001}');
    expect(answer.status).toBe(400);
    const { details } = (await answer.json()) as { details: { type: string; debug: object }[] };
    expect(details[0]?.debug).toMatchObject({
      reason: "ERROR_REASON_INVALID_FIELD",
      pointer: "/pageSize",
    });
    expect(details.map(({ type }) => type)).toContain("buf.validate.Violations");
  });

  test("text that cannot be stored", async () => {
    const body =
      '{"report": {"agentId": "writer", "state": "AGENT_STATE_IDLE", "reason": "a\\u0000b"}}';
    const answer = await post(`${LIFECYCLE}/ReportState`, body);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("/report/reason");
  });

  test("a request above its limit, also when it hides in gzip", async () => {
    const large = JSON.stringify({ agentId: "x".repeat(70_000) });
    expect((await post(`${LIFECYCLE}/GetAgent`, large)).status).toBe(429);
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(50_000_000, 32)));
    expect((await post(`${LIFECYCLE}/GetAgent`, bomb, { "content-encoding": "gzip" })).status).toBe(
      429,
    );
  });

  test("what is missing", async () => {
    const said = async (path: string, body: object) => {
      const answer = await post(path, JSON.stringify(body));
      return ((await answer.json()) as { message: string }).message;
    };
    expect(await said(`${LIFECYCLE}/GetAgent`, {})).toBe("/agentId: is required");
    const beat = { beat: { agentId: "", sessionId: "", epoch: 1 } };
    expect(await said(`${LIFECYCLE}/Heartbeat`, beat)).toMatch(/^\/beat\/\w+: is required/);
    const bad = await said("/opscore.v1.WorkflowService/GetRun", { runId: "-" });
    expect(bad).toMatch(/does not match/);
  });

  test.each([
    [
      "a read by GET without its message",
      "GET",
      `${LIFECYCLE}/GetAgent?agentId=x`,
      415,
      "?encoding=json",
    ],
    ["what changes something, by GET", "GET", "/opscore.v1.TaskService/StreamTasks", 405, "POST"],
    ["two ways over HTTP/1.1", "POST", "/opscore.v1.TaskService/WorkTasks", 505, "HTTP/2"],
  ])("%s", async (_, method, path, status, words) => {
    const answer = await fetch(rig.url + path, { method });
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(words);
  });

  test("a path that is not there", async () => {
    expect((await post("/nothing", "{}")).status).toBe(404);
  });
});

describe("plain streams", () => {
  const watch = `${LIFECYCLE}/WatchAgents`;

  /** The first lines of a stream. */
  async function lines(url: string, count: number, init: RequestInit = {}): Promise<string[]> {
    const leaving = new AbortController();
    const answer = await fetch(rig.url + url, { ...init, signal: leaving.signal });
    expect(answer.status).toBe(200);
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.split("\n").length > count) break;
    }
    leaving.abort();
    return text.split("\n").slice(0, count);
  }

  test("NDJSON by GET: a line for each item, each with a cursor", async () => {
    const found = (await lines(watch, 4)).map(
      (line) => JSON.parse(line) as Record<string, unknown>,
    );
    expect(found.map((line) => Object.keys(line))).toEqual([
      ["cursor"],
      ["cursor", "agent"],
      ["cursor", "agent"],
      ["cursor", "control"],
    ]);
  });

  test("NDJSON by POST", async () => {
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"start": {"now": true}}',
    };
    expect(await lines(watch, 1, init)).toEqual([expect.stringContaining("cursor")]);
  });

  test("SSE, and Last-Event-ID goes on after the last line", async () => {
    const headers = { accept: "text/event-stream" };
    const all = await lines(
      `${LIFECYCLE}/WatchAgents?start=%7B%7D`.replace("?start=%7B%7D", ""),
      9,
      { headers },
    );
    const ids = all.filter((line) => line.startsWith("id: ")).map((line) => line.slice(4));
    const first = await lines(
      `${watch}?message=${encodeURIComponent('{"start":{"since":"2020-01-01T00:00:00Z"}}')}`,
      3,
      { headers },
    );
    expect(first[0]).toMatch(/^id: /);
    const rest = await lines(watch, 2, {
      headers: { ...headers, "last-event-id": ids.at(-1) ?? "" },
    });
    expect(rest[0]).toMatch(/^id: /);
  });

  test("entries of one frame have cursors of their own: a cut between them loses and repeats nothing", async () => {
    const since = encodeURIComponent('{"start":{"since":"2020-01-01T00:00:00Z"}}');
    const [, one, two] = (await lines(`${watch}?message=${since}`, 3)).map(
      (line) => JSON.parse(line) as { cursor: string; entry?: { position: string } },
    );
    const [, next] = (await lines(`${watch}?after=${one?.cursor}`, 2)).map(
      (line) => JSON.parse(line) as { entry?: { position: string } },
    );
    expect(next?.entry?.position).toBe(two?.entry?.position);
  });

  test("SSE: what was asked for once, before the stream, does not come again", async () => {
    const tail = "/opscore.v1.LoggingService/TailLogs";
    await rig.logging.logOperations({ entries: [{ message: "one" }, { message: "two" }] });
    const headers = { accept: "text/event-stream" };
    const text = (await lines(`${tail}?last=2`, 8, { headers })).join("\n");
    const [, one, two] = [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id ?? "");
    const again = { headers: { ...headers, "last-event-id": one ?? "" } };
    expect(await lines(`${tail}?last=2`, 5, again)).toEqual(
      expect.arrayContaining([`id: ${two}`, expect.stringContaining('"two"')]),
    );
  });

  test("a place to resume at leaves the rest of the start as it was asked for", async () => {
    const tail = `${rig.url}/opscore.v1.LoggingService/TailLogs`;
    const [first] = await lines("/opscore.v1.LoggingService/TailLogs", 1);
    const { cursor } = JSON.parse(first ?? "") as { cursor: string };
    // Logs have no snapshot: only a policy that arrived is refused.
    const start = encodeURIComponent('{"start":{"onGap":"GAP_POLICY_SNAPSHOT"}}');
    const answer = await fetch(`${tail}?message=${start}&after=${cursor}`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("no snapshot");
  });

  test("fields beside a message count, and text may look like a switch", async () => {
    expect((await fetch(`${rig.url}${watch}?message=%7B%7D&filter=nonsense`)).status).toBe(400);
    expect(await lines("/opscore.v1.LoggingService/TailLogs?text=true", 1)).toHaveLength(1);
  });

  test("a compressed message is refused, not misread", async () => {
    const answer = await post(watch, new Uint8Array(gzipSync("{}")), {
      "content-encoding": "gzip",
    });
    expect(answer.status).toBe(501);
    expect(await answer.text()).toContain("content-encoding gzip");
  });

  test("a refusal keeps its status", async () => {
    const answer = await fetch(`${rig.url}${watch}?filter=${encodeURIComponent("nonsense == 1")}`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("nonsense");
    expect((await fetch(`${rig.url}${watch}?fliter=x`)).status).toBe(400);
    expect((await post(watch, "{")).status).toBe(400);
  });

  test("handing out work is no read", async () => {
    const answer = await fetch(`${rig.url}/opscore.v1.TaskService/StreamTasks`);
    expect(answer.status).not.toBe(200);
  });
});

describe("health and reflection", () => {
  test("health says what serves", async () => {
    const client = createClient(Health, createGrpcTransport({ baseUrl: rig.url }));
    expect((await client.check({})).status).toBe(Status.SERVING);
    expect((await client.check({ service: LifecycleService.typeName })).status).toBe(
      Status.SERVING,
    );
    const unknown = await client.check({ service: "nobody" }).catch(ConnectError.from);
    expect((unknown as ConnectError).code).toBe(Code.NotFound);
    expect(Object.keys((await client.list({})).statuses)).toContain(LifecycleService.typeName);
  });

  test("probes answer in a word", async () => {
    expect(await (await fetch(`${rig.url}/healthz`)).text()).toBe("ok\n");
    expect(await (await fetch(`${rig.url}/readyz`)).text()).toBe("ok\n");
  });

  test("reflection has the file of every service it names, its own too", async () => {
    const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: rig.url }));
    const ask = async (messageRequest: Ask) => {
      for await (const { messageResponse } of client.serverReflectionInfo(
        (async function* () {
          yield { messageRequest };
        })(),
      ))
        return messageResponse;
      throw new Error("no answer");
    };
    const list = await ask({ case: "listServices", value: "" });
    if (list.case !== "listServicesResponse") throw new Error(`${list.case}`);
    for (const { name } of list.value.service) {
      const { case: answer } = await ask({ case: "fileContainingSymbol", value: name });
      expect([name, answer]).toEqual([name, "fileDescriptorResponse"]);
    }
  });

  test("reflection names the services and their files", async () => {
    const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: rig.url }));
    async function* requests() {
      yield { messageRequest: { case: "listServices", value: "" } } as const;
      yield {
        messageRequest: {
          case: "fileContainingSymbol",
          value: `${LifecycleService.typeName}.GetAgent`,
        },
      } as const;
      yield { messageRequest: { case: "fileByFilename", value: "opscore/v1/task.proto" } } as const;
      yield { messageRequest: { case: "fileContainingSymbol", value: "no.Such" } } as const;
    }
    const answers = [];
    for await (const { messageResponse } of client.serverReflectionInfo(requests()))
      answers.push(messageResponse);
    expect(
      answers[0]?.case === "listServicesResponse" &&
        answers[0].value.service.map(({ name }) => name),
    ).toContain(LifecycleService.typeName);
    expect(answers[1]?.case).toBe("fileDescriptorResponse");
    expect(answers[2]?.case).toBe("fileDescriptorResponse");
    expect(answers[3]?.case).toBe("errorResponse");
  });
});
