import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import { connect } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { grpcClient, http2Request, http2Session, openHttpRig, raw } from "./rig.ts";

const TAIL = "/opscore.v1.LoggingService/TailLogs";
const CONNECTIONS = 2_000;
const DEADLINES = 2_000;
const RESETS = 5_000;
const STALLED = 50;
/** Much more than windows and buffers hold: 4 KiB an entry. */
const ENTRIES = 1_000;
const GROWTH_MAX = 400 * 1024 * 1024;

test(`${CONNECTIONS} connections at once are all served`, async () => {
  await using rig = await openHttpRig();
  const request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
  const answers = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => raw(rig.port, request)),
  );
  expect(answers.filter((answer) => !answer.startsWith("HTTP/1.1 200 "))).toEqual([]);
}, 120_000);

test(`${DEADLINES} calls whose deadline passes are told so, and leave nothing behind`, async () => {
  await using rig = await openHttpRig({ limit_streams: String(DEADLINES) });
  await rig.lifecycle.registerAgent({ agentId: "a", spec: {} });
  const wait = { agentId: "a", afterRevision: 99, wait: { seconds: 30n } };
  for (let round = 0; round < 4; round++) {
    // A connection whose streams are all reset, over and over, would be closed as hostile.
    const { getAgent } = grpcClient(rig.url);
    const call = () => getAgent(wait, { timeoutMs: 20 }).catch(ConnectError.from);
    const ended = await Promise.all(Array.from({ length: DEADLINES / 4 }, call));
    const codes = new Set(ended.map((error) => (error as ConnectError).code));
    expect([...codes]).toEqual([Code.DeadlineExceeded]);
  }
  const client = grpcClient(rig.url);
  const leaving = new AbortController();
  const waiting = Array.from({ length: 200 }, () =>
    client.getAgent(wait, { signal: leaving.signal }).catch(ConnectError.from),
  );
  expect((await client.getAgent({ agentId: "a" })).agent?.agentId).toBe("a");
  leaving.abort();
  const left = new Set((await Promise.all(waiting)).map((error) => (error as ConnectError).code));
  expect([...left]).toEqual([Code.Canceled]);
}, 120_000);

test(`${RESETS} streams that are left as soon as they speak leave nothing behind`, async () => {
  await using rig = await openHttpRig({ limit_streams: "300" });
  for (let left = 0; left < RESETS; ) {
    const session = await http2Session(rig.url);
    // As many as one connection may leave at once.
    for (let round = 0; round < 4; round++, left += 200) {
      const streams = Array.from({ length: 200 }, () => session.request({ ":path": TAIL }));
      await Promise.all(streams.map((stream) => once(stream, "data")));
      const closed = streams.map((stream) => once(stream, "close"));
      for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
      await Promise.all(closed);
      await new Promise((resolve) => session.ping(resolve));
    }
    session.destroy();
  }
  const session = await http2Session(rig.url);
  const streams = Array.from({ length: 200 }, () => session.request({ ":path": TAIL }));
  await Promise.all(streams.map((stream) => once(stream, "data")));
  session.destroy();
}, 240_000);

test(`${STALLED} readers that stall are cut, cost little, and nobody else waits for them`, async () => {
  await using rig = await openHttpRig({ limit_stall_ms: "3s" });
  const before = process.memoryUsage().rss;
  const stalled = await Promise.all(Array.from({ length: STALLED }, () => openStalled(rig.url)));
  const reading = readAll(await http2Session(rig.url));
  const message = "x".repeat(4_096);
  for (let written = 0; written < ENTRIES; written += 100) {
    const entries = Array.from({ length: 100 }, () => ({ message }));
    await rig.logging.logOperations({ entries, durability: 2 });
  }
  const ends = await Promise.all(stalled.map(({ ended }) => ended));
  expect(new Set(ends)).toEqual(new Set([constants.NGHTTP2_ENHANCE_YOUR_CALM]));
  expect(await reading).toBeGreaterThanOrEqual(ENTRIES);
  expect(process.memoryUsage().rss - before).toBeLessThan(GROWTH_MAX);
  for (const { session } of stalled) session.destroy();
  const session = await http2Session(rig.url);
  expect(await http2Request(session, { ":path": "/healthz" })).toMatchObject({ status: 200 });
  session.destroy();
}, 120_000);

/** A tail whose reader takes its head and no more. */
async function openStalled(url: string) {
  const session = await http2Session(url);
  const stream = session.request({ ":path": TAIL }).on("error", () => undefined);
  await once(stream, "response");
  stream.pause();
  // Its end is heard without reading on: by the session's own frame.
  const ended = new Promise<number>((resolve) => {
    const look = setInterval(() => {
      if (!stream.destroyed && stream.rstCode === constants.NGHTTP2_NO_ERROR) return;
      clearInterval(look);
      resolve(stream.rstCode ?? 0);
    }, 20);
  });
  return { session, ended };
}

/** How many entries a tail brings, until it has brought all. */
async function readAll(session: ClientHttp2Session): Promise<number> {
  const stream: ClientHttp2Stream = session.request({ ":path": TAIL });
  let lines = 0;
  let rest = "";
  stream.setEncoding("utf8");
  for await (const text of stream) {
    const parts = (rest + String(text)).split("\n");
    rest = parts.pop() ?? "";
    lines += parts.filter((line) => line.includes('"entry"')).length;
    if (lines >= ENTRIES) break;
  }
  session.destroy();
  return lines;
}

test("a connection that is refused for being one too many is closed, the others go on", async () => {
  await using rig = await openHttpRig({ limit_connections: "3" });
  const held = await Promise.all([1, 2, 3].map(() => http2Session(rig.url)));
  const extra = connect(rig.port, "127.0.0.1").on("error", () => undefined);
  await once(extra, "close");
  for (const session of held) {
    expect(await http2Request(session, { ":path": "/healthz" })).toMatchObject({ status: 200 });
    session.destroy();
  }
});
