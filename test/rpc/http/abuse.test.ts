import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  block,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  openRaw,
  type RawSession,
  setting,
  uint32,
} from "./frames.ts";
import { type HttpRig, http2Request, http2Session, openHttpRig } from "./rig.ts";

const MANY = 20_000;
const CANCEL = 8;
const PATH = "/opscore.v1.LifecycleService/GetServerInfo";
const INITIAL_WINDOW_SIZE = 4;

let rig: HttpRig;
beforeAll(async () => {
  rig = await openHttpRig({
    limit_stall_ms: "300ms",
    limit_request_ms: "1s",
    limit_streams_per_connection: "10",
  });
});
afterAll(() => rig[Symbol.asyncDispose]());

const headers = (stream: number, bytes = block("POST", PATH), flags = END_HEADERS) =>
  frame(FRAME.headers, flags, stream, bytes);
const repeat = (make: (i: number) => Buffer, count = MANY) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

/** What no honest client sends. */
const ABUSES: Readonly<Record<string, (session: RawSession) => void>> = {
  "streams that are opened and reset": ({ socket }) => {
    socket.write(
      repeat((i) =>
        Buffer.concat([headers(2 * i + 1), frame(FRAME.reset, 0, 2 * i + 1, uint32(CANCEL))]),
      ),
    );
  },
  "headers that go on and on": ({ socket }) => {
    socket.write(headers(1, block("POST", PATH), 0));
    socket.write(repeat(() => frame(FRAME.continuation, 0, 1, Buffer.alloc(100)), 2_000));
  },
  "headers that go on with nothing in them": ({ socket }) => {
    socket.write(headers(1, block("POST", PATH), 0));
    socket.write(repeat(() => frame(FRAME.continuation, 0, 1)));
  },
  "settings, again and again": ({ socket }) => {
    socket.write(repeat(() => frame(FRAME.settings, 0, 0)));
  },
  "17 settings at once": ({ socket }) => {
    const values = Array.from({ length: 17 }, (_, i) => setting(0x100 + i, 1));
    socket.write(frame(FRAME.settings, 0, 0, Buffer.concat(values)));
    socket.write(repeat(() => frame(FRAME.settings, 0, 0, Buffer.concat(values)), 2_000));
  },
  "pings, again and again": ({ socket }) => {
    socket.write(repeat(() => frame(FRAME.ping, 0, 0, Buffer.alloc(8))));
  },
  "data with nothing in it": ({ socket }) => {
    socket.write(headers(1));
    socket.write(repeat(() => frame(FRAME.data, 0, 1)));
  },
  "more streams than there may be": ({ socket }) => {
    socket.write(repeat((i) => headers(2 * i + 1), 200));
  },
  "a header that unpacks to megabytes": ({ socket }) => {
    // One field of 3 KB into the table, then one byte for each time it is meant.
    const fill = block("POST", PATH);
    const name = Buffer.concat([Buffer.from([0x40, 1]), Buffer.from("x")]);
    const value = Buffer.concat([
      Buffer.from([0x7f, 0xb9, 0x16]), // 127 + 0x39 + 0x16 * 128
      Buffer.alloc(127 + 0x39 + 0x16 * 128, "y"),
    ]);
    const bomb = Buffer.concat([fill, name, value, Buffer.alloc(8_000, 0xbe)]);
    socket.write(headers(1, bomb, END_HEADERS | END_STREAM));
  },
  "65 headers": ({ socket }) => {
    const more = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`x-${i}`, "y"]));
    socket.write(headers(1, block("GET", "/healthz", more), END_HEADERS | END_STREAM));
  },
};

test.each(Object.entries(ABUSES))("%s: closed or refused, others go on", async (_, abuse) => {
  const session = openRaw(rig.port);
  abuse(session);
  expect(await session.outcome).toMatch(/^(closed|goaway [1-9]|reset [1-9])/);
  session.socket.destroy();
  expect((await rig.lifecycle.getServerInfo({})).store).toBe("sqlite");
});

describe("whoever asks and takes no answer is cut", () => {
  test("over HTTP/2, with a window of nothing", async () => {
    const session = openRaw(rig.port, setting(INITIAL_WINDOW_SIZE, 0));
    session.socket.write(headers(1, block("GET", "/healthz"), END_HEADERS | END_STREAM));
    expect(await session.outcome).toMatch(/^(closed|reset 11)/);
    session.socket.destroy();
  });

  test("over HTTP/1.1, reading nothing of many answers", async () => {
    const socket = connect(rig.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.pause();
    const closed = new Promise((resolve) => socket.on("close", resolve));
    const ask = Buffer.from("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000));
    // Until nothing more is taken: then answers fill the way back.
    const pump = () => {
      while (!socket.destroyed && socket.write(ask));
    };
    socket.on("drain", pump);
    pump();
    await closed;
  }, 60_000);
});

describe("a body of 300 KB that unpacks to 300 MB is refused, and others are answered", () => {
  const part = gzipSync(Buffer.alloc(30 << 20, " "), { level: 9 });
  const bomb = Buffer.concat(Array.from({ length: 10 }, () => part));
  const enveloped = (flags: number, bytes: Uint8Array) =>
    Buffer.concat([Buffer.from([flags]), uint32(bytes.length), bytes]);
  const gzip = (name: string) => ({ [name]: "gzip" });

  async function post(path: string, more: Record<string, string>, body: Uint8Array<ArrayBuffer>) {
    const answer = await fetch(`${rig.url}${path}`, { method: "POST", headers: more, body });
    return Buffer.from(await answer.arrayBuffer()).toString("latin1");
  }

  test.each([
    [
      "Connect",
      PATH,
      { "content-type": "application/json", ...gzip("content-encoding") },
      bomb,
      "ERROR_REASON_TOO_LARGE",
    ],
    [
      "Connect streams",
      "/opscore.v1.LoggingService/TailLogs",
      { "content-type": "application/connect+json", ...gzip("connect-content-encoding") },
      enveloped(1, bomb),
      "ERROR_REASON_TOO_LARGE",
    ],
    [
      "gRPC-Web",
      PATH,
      { "content-type": "application/grpc-web+proto", ...gzip("grpc-encoding") },
      enveloped(1, bomb),
      `grpc-status: ${Code.ResourceExhausted}`,
    ],
    [
      "plain streams",
      "/opscore.v1.LoggingService/TailLogs",
      { "content-type": "application/json", ...gzip("content-encoding") },
      bomb,
      "without content-encoding gzip",
    ],
  ])("%s", async (_, path, more, body, refusal) => {
    const refused = post(path, more, body);
    expect((await rig.lifecycle.getServerInfo({})).store).toBe("sqlite");
    expect(await refused).toContain(refusal);
  });

  test("gRPC", async () => {
    const session = await http2Session(rig.url);
    const stream = session.request({
      ":method": "POST",
      ":path": PATH,
      "content-type": "application/grpc",
      te: "trailers",
      ...gzip("grpc-encoding"),
    });
    stream.on("error", () => undefined);
    const status = new Promise((resolve) => {
      const note = (fields: object) => {
        if ("grpc-status" in fields) resolve(fields["grpc-status"]);
      };
      stream.on("response", note).on("trailers", note);
    });
    stream.resume().end(enveloped(1, bomb));
    expect(await status).toBe(String(Code.ResourceExhausted));
    expect(await http2Request(session, { ":path": "/healthz" })).toMatchObject({ status: 200 });
    session.destroy();
  });
});
