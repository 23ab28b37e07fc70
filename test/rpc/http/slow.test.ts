import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closedWithin, type HttpRig, http2Session, openHttpRig } from "./rig.ts";

/** Much longer than the limits below: only a timer that never fires lets a socket live this long. */
const LONG_MS = 8_000;

let rig: HttpRig;
beforeAll(async () => {
  rig = await openHttpRig({
    limit_first_byte_ms: "200ms",
    limit_headers_ms: "300ms",
    limit_request_ms: "400ms",
    limit_session_idle_ms: "300ms",
    limit_stall_ms: "300ms",
  });
});
afterAll(() => rig[Symbol.asyncDispose]());

function open(bytes: string) {
  const socket = connect(rig.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(bytes);
  return socket;
}

test.each([
  ["nothing at all", ""],
  ["the first letter of both protocols", "P"],
  ["a request line without an end", "POST / HT"],
  ["headers without an end", "POST /x HTTP/1.1\r\nhost: localhost\r\nx: "],
  [
    "a body that never comes",
    "POST /opscore.v1.LifecycleService/GetServerInfo HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{",
  ],
  ["a preface that stops", "PRI * HTTP/2.0\r\n"],
])("a socket that sends %s is closed", async (_, bytes) => {
  expect(await closedWithin(open(bytes), LONG_MS)).toBe(true);
});

test("an HTTP/2 connection without a stream is told to leave", async () => {
  const session = await http2Session(rig.url);
  await once(session, "close");
  expect(session.destroyed).toBe(true);
});

test("an HTTP/2 request whose body never ends is reset", async () => {
  const session = await http2Session(rig.url);
  const stream = session.request({
    ":method": "POST",
    ":path": "/opscore.v1.LifecycleService/GetServerInfo",
    "content-type": "application/json",
  });
  stream.on("error", () => undefined);
  stream.write("{");
  await new Promise((resolve) => stream.on("close", resolve));
  expect(stream.rstCode).toBe(11); // ENHANCE_YOUR_CALM
  session.destroy();
});

test("a stream without traffic is no idle connection", async () => {
  const session = await http2Session(rig.url);
  const stream = session.request({
    ":method": "GET",
    ":path": "/opscore.v1.LoggingService/TailLogs",
  });
  await once(stream, "data");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(stream.closed).toBe(false);
  session.destroy();
});
