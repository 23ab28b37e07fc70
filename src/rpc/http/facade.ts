import { isUtf8 } from "node:buffer";
import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJson } from "@connectrpc/connect/protocol-connect";
import { type WatchStart, WatchStartSchema } from "../../../gen/opscore/v1/common_pb.ts";
import { Refused } from "../../core/errors.ts";
import { toConnectError } from "../errors.ts";
import type { Gate } from "../gate.ts";
import type { Held, InFlight } from "../in-flight.ts";
import { misfitOf } from "../misfit.ts";
import { cutRequest } from "./connect-door.ts";
import { counted } from "./held-body.ts";
import type { HttpLimits } from "./limits.ts";
import { LINES, type LineFormat, linesOf } from "./lines.ts";
import {
  addressOf,
  headersOf,
  type NodeRequest,
  type NodeResponse,
  pathOf,
  peerOf,
} from "./request.ts";
import type { Route } from "./services.ts";

export interface FacadeOptions {
  readonly routes: ReadonlyMap<string, Route>;
  readonly gate: Gate;
  readonly inFlight: InFlight;
  readonly limits: HttpLimits;
  readonly version: string;
  /** The cursor of one entry inside a frame. */
  readonly cursorAt: (frameCursor: string, position: bigint) => string;
}

type StreamRoute = Extract<Route, { kind: "stream" }>;

/**
 * NDJSON and SSE on the URLs of streaming methods, for `curl -N` and EventSource:
 * a plain client cannot speak the envelopes of Connect streams. It calls the same
 * wrapped handlers as every other door. Hand-written: no library does it.
 *
 * @returns whether the request is one for this door.
 */
export function createFacade(
  options: FacadeOptions,
): (req: NodeRequest, res: NodeResponse) => boolean {
  return (req, res) => {
    const route = options.routes.get(pathOf(req));
    if (route?.kind !== "stream" || !isPlain(req, route.method)) return false;
    serve(options, route, req, res).catch((error: unknown) => {
      if (res.headersSent) res.destroy();
      else refuse(res, options.version, error);
    });
    return true;
  };
}

/** GET, or POST of plain JSON, of what only reads. */
function isPlain(req: NodeRequest, { methodKind, idempotency }: DescMethodStreaming): boolean {
  const isRead = idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  if (methodKind !== "server_streaming" || !isRead) return false;
  return req.method === "GET" || /^application\/json\b/.test(req.headers["content-type"] ?? "");
}

async function serve(
  options: FacadeOptions,
  route: StreamRoute,
  req: NodeRequest,
  res: NodeResponse,
): Promise<void> {
  const { gate, inFlight, version, limits } = options;
  const url = new URL(req.url ?? "", "http://localhost");
  const headers = headersOf(req);
  const namespace = url.searchParams.get("namespace");
  if (namespace !== null) headers.set("opscore-namespace", namespace);
  const identity = gate.admit(route.method, { headers, address: addressOf(req) });
  const held = inFlight.held();
  res.once("close", () => held[Symbol.dispose]());
  const message = await messageOf(route.method, req, url, held, limits.request_bytes);
  const leaving = new AbortController();
  res.once("close", () => leaving.abort(new ConnectError("the caller has gone", Code.Canceled)));
  const responseHeaders = new Headers({ "opscore-version": version });
  const frames = route.call(message as never, {
    identity,
    headers,
    responseHeaders,
    peer: peerOf(req),
    signal: leaving.signal,
    timeoutMs: () => undefined,
    cut: () => cutRequest(req),
  });
  const isSse = (req.headers.accept ?? "").includes("text/event-stream");
  const format = isSse ? LINES.sse : LINES.ndjson;
  await write({ options, route, frames, res, format, responseHeaders });
}

interface Writing {
  readonly options: FacadeOptions;
  readonly route: StreamRoute;
  readonly frames: AsyncGenerator<object>;
  readonly res: NodeResponse;
  readonly format: LineFormat;
  readonly responseHeaders: Headers;
}

/** The head leaves with the first frame, so a refusal keeps its status; a later one is the last line. */
async function write({
  options,
  route,
  frames,
  res,
  format,
  responseHeaders,
}: Writing): Promise<void> {
  let before = "";
  try {
    for await (const frame of frames) {
      if (!res.headersSent) writeHead(res, format, responseHeaders);
      const json = toJson(route.method.output, frame as never) as JsonObject;
      const text = linesOf(json, before, options.cursorAt).map(format.line).join("");
      before = String(json["cursor"] ?? before);
      if (!writeTo(res, text)) await drained(res);
    }
  } catch (error) {
    if (!res.headersSent) throw error;
    writeTo(res, format.error(errorToJson(asConnectError(error), undefined)));
  } finally {
    if (res.headersSent) res.end();
  }
}

async function messageOf(
  method: DescMethodStreaming,
  req: NodeRequest,
  url: URL,
  held: Held,
  bytesMax: number,
): Promise<object> {
  const isGet = req.method === "GET";
  const json = isGet ? queryOf(url, method.input) : await bodyOf(req, held, bytesMax);
  const last = req.headers["last-event-id"];
  const after = typeof last === "string" ? last : url.searchParams.get("after");
  try {
    const message: Watching = fromJson(method.input, json, { ignoreUnknownFields: false });
    return after === null ? message : resumed(message, after, last !== undefined);
  } catch (error) {
    const place = misfitOf(method.input, json);
    throw place === undefined ? malformed(error) : new Refused({ code: "malformed", ...place });
  }
}

/** How requests of watches say where to begin. */
type Watching = Message & { start?: WatchStart; last?: number };

/**
 * The request, beginning after a cursor. A browser that comes back by itself sends
 * the first request again: what that asked for once, before the stream, it has had.
 */
function resumed(message: Watching, after: string, again: boolean): object {
  message.start ??= create(WatchStartSchema);
  message.start.start = { case: "after", value: after };
  if (again && message.last !== undefined) message.last = 0;
  return message;
}

const OF_THE_DOOR: ReadonlySet<string> = new Set(["after", "namespace", "message"]);

/** `?message={...}`, and fields of the request one by one. */
function queryOf(url: URL, input: DescMessage): JsonObject {
  const message = url.searchParams.get("message");
  const fields = [...url.searchParams].filter(([name]) => !OF_THE_DOOR.has(name));
  const scalars = fields.map(([name, text]) => [name, scalarOf(text, name, input)] as const);
  return { ...(message !== null && parseObject(message)), ...Object.fromEntries(scalars) };
}

function scalarOf(text: string, name: string, { fields }: DescMessage): JsonValue {
  const field = fields.find((known) => known.jsonName === name || known.name === name);
  const isSwitch = field?.scalar === ScalarType.BOOL && (text === "true" || text === "false");
  return isSwitch ? text === "true" : text;
}

async function bodyOf(req: NodeRequest, held: Held, bytesMax: number): Promise<JsonObject> {
  const encoding = req.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    const message = `send plain JSON without content-encoding ${encoding}`;
    throw new Refused({ code: "not_offered", message });
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of counted(req as AsyncIterable<Buffer>, held)) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new Refused({
        code: "too_large",
        name: "request_bytes",
        value: bytesMax,
        actual: bytes,
      });
    }
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (!isUtf8(body)) throw new Refused({ code: "malformed", message: "the message is not UTF-8" });
  return body.length === 0 ? {} : parseObject(body.toString("utf8"));
}

function parseObject(text: string): JsonObject {
  try {
    const value = JSON.parse(text) as JsonValue;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw malformed(error);
  }
  throw new Refused({ code: "malformed", message: "the message must be a JSON object" });
}

function malformed(error: unknown): Refused {
  return new Refused({
    code: "malformed",
    message: error instanceof Error ? error.message : String(error),
  });
}

function writeHead(res: NodeResponse, { contentType }: LineFormat, responseHeaders: Headers): void {
  for (const [name, value] of responseHeaders) res.setHeader(name, value);
  res.setHeader("content-type", contentType);
  res.setHeader("cache-control", "no-store");
  res.setHeader("x-accel-buffering", "no");
  res.statusCode = 200;
}

/** The shape of a Connect error, with its status. */
function refuse(res: NodeResponse, version: string, cause: unknown): void {
  const error = asConnectError(cause);
  res.statusCode = codeToHttpStatus(error.code);
  for (const [name, value] of error.metadata) res.setHeader(name, value);
  res.setHeader("opscore-version", version);
  res.setHeader("content-type", "application/json");
  res.end(JSON.stringify(errorToJson(error, undefined)));
}

function asConnectError(error: unknown): ConnectError {
  return error instanceof Refused ? toConnectError(error.refusal) : ConnectError.from(error);
}

/** Both classes have the same method; their types differ only in their overloads. */
function writeTo(res: NodeResponse, text: string): boolean {
  return (res as { write(text: string): boolean }).write(text);
}

/** Waits until the reader takes more, or has gone. */
function drained(res: NodeResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      res.off("drain", done);
      res.off("close", done);
      resolve();
    };
    res.on("drain", done);
    res.on("close", done);
    if (res.destroyed) done();
  });
}
