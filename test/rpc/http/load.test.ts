import { once } from "node:events";
import { constants } from "node:http2";
import { connect } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { Health } from "../../../gen/grpc/health/v1/health_pb.ts";
import { grpcClient, http2Request, http2Session, openHttpRig } from "./rig.ts";

const WAIT = { agentId: "a", afterRevision: 99, wait: { seconds: 30n } };

test("calls that wait are streams: they leave room for calls that do not, and meet the limit of streams", async () => {
  await using rig = await openHttpRig({ limit_unary_calls: "1", limit_streams: "2" });
  await rig.lifecycle.registerAgent({ agentId: "a", spec: {} });
  // One connection: calls arrive in the order in which they are made.
  const client = grpcClient(rig.url);
  const leaving = new AbortController();
  const waiting = [1, 2].map(() => client.getAgent(WAIT, { signal: leaving.signal }));
  const third = client.getAgent(WAIT).catch(ConnectError.from);
  expect((await client.getServerInfo({})).store).toBe("sqlite");
  expect(((await third) as ConnectError).code).toBe(Code.ResourceExhausted);
  leaving.abort();
  await Promise.allSettled(waiting);
});

test("a client may leave all its streams at once and go on", async () => {
  await using rig = await openHttpRig();
  const session = await http2Session(rig.url);
  const streams = Array.from({ length: 200 }, () =>
    session.request({ ":path": "/opscore.v1.LoggingService/TailLogs" }),
  );
  await Promise.all(streams.map((stream) => once(stream, "data")));
  const left = streams.map((stream) => once(stream, "close"));
  for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
  await Promise.all(left);
  // Its answer follows whatever the server says to that.
  await new Promise((resolve) => session.ping(resolve));
  expect(await http2Request(session, { ":path": "/healthz" })).toMatchObject({ status: 200 });
  session.destroy();
});

test("watches of health count as streams, though nobody has to say who they are", async () => {
  await using rig = await openHttpRig({ limit_streams: "1" });
  const health = createClient(Health, createGrpcTransport({ baseUrl: rig.url }));
  const leaving = new AbortController();
  const [one, two] = [1, 2].map(() =>
    health.watch({}, { signal: leaving.signal })[Symbol.asyncIterator](),
  );
  expect((await one?.next())?.done).toBe(false);
  const refused = await two?.next().catch(ConnectError.from);
  expect((refused as ConnectError).code).toBe(Code.ResourceExhausted);
  leaving.abort();
});

test.each([
  ["Connect", "LifecycleService/GetServerInfo"],
  ["plain streams", "LoggingService/TailLogs"],
  ["health", "grpc.health.v1.Health/Check"],
])(
  "%s: bytes of requests have a limit together, and leave with their requests",
  async (_, method) => {
    await using rig = await openHttpRig({ limit_held_bytes: "64KiB" });
    const path = method.includes(".") ? `/${method}` : `/opscore.v1.${method}`;
    const half = connect(rig.port, "127.0.0.1");
    half.write(
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 70000\r\n\r\n${" ".repeat(60_000)}`,
    );
    const body = `{}${" ".repeat(10_000)}`;
    const ask = () =>
      fetch(`${rig.url}/opscore.v1.LifecycleService/GetServerInfo`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
    const until = async (status: number) => {
      for (;;) {
        const answer = await ask();
        if (answer.status === status) return answer;
        await answer.body?.cancel();
      }
    };
    const refused = await until(429);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.text()).toContain("ERROR_REASON_OVERLOADED");
    half.destroy();
    await until(200);
  },
);
