import { once } from "node:events";
import { Agent, type IncomingMessage, request as requestHttp1 } from "node:http";
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from "node:http2";
import { type DescMethod, fromBinary, fromJsonString, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { endStreamFromJson, errorFromJson } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";

/** What the server said, whichever way it was asked. */
export interface Answer {
  readonly error?: ConnectError;
  /** Messages, as JSON. */
  readonly messages: readonly unknown[];
}

/** A way to send bytes as the message of a method, unchecked. */
export interface Door {
  readonly form: "json" | "binary";
  readonly takes: (method: DescMethod) => boolean;
  readonly send: (wire: Wire, method: DescMethod, body: Uint8Array) => Promise<Answer>;
}

/** Connections to one server. */
export interface Wire extends Disposable {
  readonly url: string;
  readonly http1: Agent;
  http2(): Promise<ClientHttp2Session>;
}

export function openWire(url: string): Wire {
  const http1 = new Agent({ keepAlive: true, maxSockets: 8 });
  let session: Promise<ClientHttp2Session> | undefined;
  let open: ClientHttp2Session | undefined;
  return {
    url,
    http1,
    http2() {
      if (open === undefined || open.closed || open.destroyed) session = undefined;
      session ??= openSession(url).then((made) => {
        open = made;
        return made;
      });
      return session;
    },
    [Symbol.dispose]() {
      http1.destroy();
      open?.destroy();
    },
  };
}

async function openSession(url: string): Promise<ClientHttp2Session> {
  const session = connect(url);
  session.on("error", () => undefined);
  await once(session, "connect");
  return session;
}

const isUnary = (method: DescMethod) => method.methodKind === "unary";
const isStream = (method: DescMethod) => !isUnary(method);
const isPlainStream = (method: DescMethod) =>
  method.methodKind === "server_streaming" && method.idempotency === 1;

export const DOORS: Readonly<Record<string, Door>> = {
  "Connect JSON": { form: "json", takes: isUnary, send: connectUnary("json") },
  "Connect binary": { form: "binary", takes: isUnary, send: connectUnary("proto") },
  "Connect JSON stream": { form: "json", takes: isStream, send: connectStream("json") },
  "Connect binary stream": { form: "binary", takes: isStream, send: connectStream("proto") },
  gRPC: { form: "binary", takes: () => true, send: grpc("proto") },
  "gRPC JSON": { form: "json", takes: () => true, send: grpc("json") },
  "gRPC-Web": {
    form: "binary",
    takes: (method) => method.methodKind !== "bidi_streaming",
    send: grpcWeb("proto"),
  },
  "gRPC-Web JSON": {
    form: "json",
    takes: (method) => method.methodKind !== "bidi_streaming",
    send: grpcWeb("json"),
  },
  NDJSON: { form: "json", takes: isPlainStream, send: plain("application/json") },
  SSE: { form: "json", takes: isPlainStream, send: plain("text/event-stream") },
};

/** The doors of a form that take a method, in a fixed order. */
export function doorsFor(method: DescMethod, form: Door["form"]): readonly Door[] {
  return Object.values(DOORS).filter((door) => door.form === form && door.takes(method));
}

function connectUnary(codec: "json" | "proto"): Door["send"] {
  return async (wire, method, body) => {
    const headers = { "content-type": `application/${codec}` };
    const { status, bytes } = await post(wire, method, headers, body);
    if (status !== 200) return { error: errorOf(bytes), messages: [] };
    return { messages: [decode(method, codec, bytes)] };
  };
}

function plain(accept: string): Door["send"] {
  return async (wire, method, body) => {
    const headers = { "content-type": "application/json", accept };
    const { status, bytes } = await post(wire, method, headers, body, firstLine);
    if (status !== 200) return { error: errorOf(bytes), messages: [] };
    const text = Buffer.from(bytes).toString();
    return {
      messages: text
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as unknown),
    };
  };
}

/** The first line is proof enough that a stream began. */
const firstLine = (bytes: Uint8Array) => bytes.includes(10);

function post(
  { url, http1 }: Wire,
  method: DescMethod,
  headers: Record<string, string>,
  body: Uint8Array,
  enough: (bytes: Uint8Array) => boolean = () => false,
): Promise<{ readonly status: number; readonly bytes: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const options = {
      method: "POST",
      agent: http1,
      headers: { ...headers, "content-length": body.length },
    };
    const req = requestHttp1(`${url}/${method.parent.typeName}/${method.name}`, options);
    req.on("error", reject);
    req.on("response", (res: IncomingMessage) => {
      const chunks: Uint8Array[] = [];
      const status = res.statusCode ?? 0;
      const finish = () => resolve({ status, bytes: Buffer.concat(chunks) });
      res.on("data", (chunk: Uint8Array) => {
        chunks.push(chunk);
        if (status !== 200 || !enough(chunk)) return;
        finish();
        req.destroy();
      });
      res.on("end", finish);
      res.on("error", finish);
    });
    req.end(body);
  });
}

function errorOf(bytes: Uint8Array): ConnectError {
  const text = Buffer.from(bytes).toString();
  const fallback = new ConnectError(`not an error of ours: ${text.slice(0, 300)}`, Code.Unknown);
  return errorFromJson(JSON.parse(text), undefined, fallback);
}

const END_STREAM = 2;

function connectStream(codec: "json" | "proto"): Door["send"] {
  return async (wire, method, body) => {
    const headers = { "content-type": `application/connect+${codec}` };
    const { envelopes } = await exchange(wire, method, headers, enveloped(body));
    const end = envelopes.find(({ flags }) => (flags & END_STREAM) !== 0);
    const messages = envelopes.filter(({ flags }) => (flags & END_STREAM) === 0);
    const error = end && endStreamFromJson(end.data).error;
    return {
      ...(error && { error }),
      messages: messages.map(({ data }) => decode(method, codec, data)),
    };
  };
}

function grpc(codec: "json" | "proto"): Door["send"] {
  return async (wire, method, body) => {
    const headers = { "content-type": `application/grpc+${codec}`, te: "trailers" };
    const { envelopes, trailer } = await exchange(wire, method, headers, enveloped(body));
    const error = findTrailerError(trailer);
    return {
      ...(error && { error }),
      messages: envelopes.map(({ data }) => decode(method, codec, data)),
    };
  };
}

const TRAILER = 0x80;

/** Its trailers come in the body. */
function grpcWeb(codec: "json" | "proto"): Door["send"] {
  return async (wire, method, body) => {
    const headers = { "content-type": `application/grpc-web+${codec}` };
    const { envelopes, trailer } = await exchange(wire, method, headers, enveloped(body));
    const last = envelopes.find(({ flags }) => (flags & TRAILER) !== 0);
    const error = findTrailerError(last === undefined ? trailer : trailerParse(last.data));
    const messages = envelopes.filter(({ flags }) => (flags & TRAILER) === 0);
    return {
      ...(error && { error }),
      messages: messages.map(({ data }) => decode(method, codec, data)),
    };
  };
}

interface Envelope {
  readonly flags: number;
  readonly data: Uint8Array;
}

/** One stream of HTTP/2: the message out, what comes back up to the first message of a stream. */
async function exchange(
  wire: Wire,
  method: DescMethod,
  headers: OutgoingHttpHeaders,
  body: Uint8Array,
): Promise<{ readonly envelopes: readonly Envelope[]; readonly trailer: Headers }> {
  const session = await wire.http2();
  const path = `/${method.parent.typeName}/${method.name}`;
  const stream = session.request({ ":method": "POST", ":path": path, ...headers });
  const chunks: Buffer[] = [];
  const trailer = new Headers();
  const note = (heads: object) => {
    for (const [name, value] of Object.entries(heads)) {
      if (!name.startsWith(":")) trailer.set(name, String(value));
    }
  };
  stream.on("response", note);
  stream.on("trailers", note);
  stream.on("error", () => undefined);
  const isWatch = method.methodKind === "server_streaming";
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    const [first] = envelopesIn(Buffer.concat(chunks));
    if (isWatch && first?.flags === 0) stream.close();
  });
  stream.end(body);
  await new Promise<void>((resolve) => stream.once("close", () => resolve()));
  return { envelopes: envelopesIn(Buffer.concat(chunks)), trailer };
}

function enveloped(body: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function envelopesIn(bytes: Buffer): readonly Envelope[] {
  const found: Envelope[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    found.push({ flags: bytes.readUInt8(at), data: bytes.subarray(at + 5, end) });
    at = end;
  }
  return found;
}

function decode({ output }: DescMethod, codec: "json" | "proto", bytes: Uint8Array): unknown {
  const message =
    codec === "proto"
      ? fromBinary(output, bytes)
      : fromJsonString(output, Buffer.from(bytes).toString());
  return toJson(output, message);
}
