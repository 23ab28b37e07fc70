import { once } from "node:events";
import { readFileSync } from "node:fs";
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectNet, type Socket } from "node:net";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { pino } from "pino";
import { LifecycleService } from "../../../gen/opscore/v1/lifecycle_pb.ts";
import { LoggingService } from "../../../gen/opscore/v1/logging_pb.ts";
import { type App, createApp } from "../../../src/app.ts";
import { type Flags, readConfig } from "../../../src/config.ts";

/** Flags of a rig that speaks TLS. */
export const TLS = {
  tls_cert: "test/fixtures/tls-cert.pem",
  tls_key: "test/fixtures/tls-key.pem",
} as const;

/** What clients trust. */
export const CA = readFileSync(TLS.tls_cert);

/** A whole server in this process: a free port, everything in memory. */
export interface HttpRig extends AsyncDisposable {
  readonly app: App;
  readonly url: string;
  readonly port: number;
  /** Lifecycle over Connect and HTTP/1.1. */
  readonly lifecycle: Client<typeof LifecycleService>;
  readonly logging: Client<typeof LoggingService>;
}

export async function openHttpRig(
  flags: Flags = {},
  env: Readonly<Record<string, string>> = {},
): Promise<HttpRig> {
  const config = readConfig({ port: "0", store: "sqlite::memory:", ...flags }, env);
  const app = await createApp(config, pino({ level: "silent" }));
  await app.listen();
  const { url } = app;
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    nodeOptions: { ca: CA },
  });
  return {
    app,
    url,
    port: Number(new URL(url).port),
    lifecycle: createClient(LifecycleService, transport),
    logging: createClient(LoggingService, transport),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** Lifecycle over gRPC. */
export function grpcClient(url: string): Client<typeof LifecycleService> {
  return createClient(LifecycleService, createGrpcTransport({ baseUrl: url }));
}

/** Sends raw bytes over a fresh connection and reads until the server ends it, or has answered. */
export async function raw(port: number, bytes: string): Promise<string> {
  const socket = connectNet(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(bytes);
  let text = "";
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.includes("\r\n\r\n")) break;
  }
  socket.destroy();
  return text;
}

/** Resolves with true once the server has closed a socket; false if it is still open after `ms`. */
export async function closedWithin(socket: Socket, ms: number): Promise<boolean> {
  socket.on("error", () => undefined);
  socket.resume();
  if (socket.closed) return true;
  return Promise.race([
    once(socket, "close").then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, ms, false)),
  ]);
}

/** A raw HTTP/2 session. */
export async function http2Session(url: string): Promise<ClientHttp2Session> {
  const session = connectHttp2(url, { ca: CA });
  session.on("error", () => undefined);
  await once(session, "connect");
  return session;
}

/** One HTTP/2 request: its status, or how the stream ended. */
export function http2Request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body = "",
): Promise<{ readonly status?: number; readonly rst: number; readonly text: string }> {
  return new Promise((resolve) => {
    const stream = session.request(headers);
    let status: number | undefined;
    let text = "";
    stream.on("response", (answer) => {
      status = Number(answer[":status"]);
    });
    stream.on("data", (chunk) => {
      text += String(chunk);
    });
    stream.on("error", () => undefined);
    stream.on("close", () => resolve({ ...(status && { status }), rst: stream.rstCode, text }));
    stream.end(body);
  });
}
