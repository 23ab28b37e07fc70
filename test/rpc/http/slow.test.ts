import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CA, closedWithin, type HttpRig, http2Session, openHttpRig, TLS } from "./rig.ts";

/** Much longer than the limits below: only a timer that never fires lets a socket live this long. */
const LONG_MS = 8_000;
const LIMITS = {
  limit_first_byte_ms: "200ms",
  limit_headers_ms: "300ms",
  limit_request_ms: "400ms",
  limit_handshake_ms: "200ms",
  limit_session_idle_ms: "300ms",
  limit_stall_ms: "300ms",
};

describe.each([
  ["in clear text", {}],
  ["with TLS", TLS],
])("%s", (_, flags) => {
  let rig: HttpRig;
  beforeAll(async () => {
    rig = await openHttpRig({ ...LIMITS, ...flags });
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  function open(bytes: string) {
    const to = { port: rig.port, host: "127.0.0.1" };
    const isTls = "tls_cert" in flags;
    const socket = isTls ? connectTls({ ...to, ca: CA, ALPNProtocols: ["http/1.1"] }) : connect(to);
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

  test("a socket that sends nothing, not even a handshake, is closed", async () => {
    expect(await closedWithin(connect(rig.port, "127.0.0.1"), LONG_MS)).toBe(true);
  });

  test("an idle HTTP/1.1 connection is kept as long as its answers say", async () => {
    const socket = open("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const [head] = await once(socket, "data");
    expect(String(head)).toContain("Keep-Alive: timeout=75");
    socket.destroy();
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

  test("a reader that does not read is cut", async () => {
    const session = await http2Session(rig.url);
    const stream = session.request({
      ":method": "GET",
      ":path": "/opscore.v1.LoggingService/TailLogs",
    });
    stream.on("error", () => undefined);
    await once(stream, "data");
    stream.pause();
    const entries = Array.from({ length: 20 }, () => ({ message: "x".repeat(50_000) }));
    await rig.logging.logOperations({ entries });
    await new Promise((resolve) => stream.on("close", resolve));
    expect(stream.rstCode).toBe(11); // ENHANCE_YOUR_CALM
    session.destroy();
  });
});

test("an HTTP/2 connection that answers no ping is dead, one that answers lives", async () => {
  await using rig = await openHttpRig({ limit_ping_ms: "100ms" });
  const live = await http2Session(rig.url);
  const dead = connect(rig.port, "127.0.0.1");
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  dead.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings]));
  expect(await closedWithin(dead, LONG_MS)).toBe(true);
  expect(live.closed).toBe(false);
  live.destroy();
});
