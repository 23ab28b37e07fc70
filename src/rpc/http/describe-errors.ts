import { Code, ConnectError, createContextKey } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJson,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import {
  findTrailerError,
  headerGrpcStatus,
  setTrailerStatus,
} from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { describeError } from "../errors.ts";
import { misfitOf } from "../misfit.ts";

type Describe = (error: ConnectError) => ConnectError;
type Bytes = AsyncIterable<Uint8Array>;

/** Set once a handler of ours has a call: what the adapter refuses from then on is our own fault. */
export const REACHED = createContextKey(false);

export interface DescribeOptions {
  readonly requestBytes: number;
  /** Notes an error of our own and returns what callers see of it. */
  readonly fault: (error: ConnectError) => ConnectError;
}

/** What to do about a refusal that the adapter leaves without a word. */
const NO_BODY: Readonly<Record<number, string>> = {
  405: "use POST: GET is for reads",
  415: "POST application/json or a protobuf type, or GET a read with ?encoding=json&message={}",
  505: "this method needs HTTP/2",
};

/**
 * Gives errors that the adapter makes itself the detail that all others have:
 * before any handler is called, of a message that cannot be decoded or is too
 * large; after it, of an answer that cannot be encoded. Everything else comes with
 * its detail already and passes as it is. A protocol that is not spoken gets words.
 */
export function describeErrors(
  handler: UniversalHandler,
  { requestBytes, fault }: DescribeOptions,
): UniversalHandler {
  const described = async (request: UniversalServerRequest) => {
    const chunks: Uint8Array[] = [];
    const response = await handler(listen(request, handler, chunks));
    const words = response.body === undefined ? NO_BODY[response.status] : undefined;
    if (words !== undefined) return { ...response, body: iterate(Buffer.from(`${words}\n`)) };
    const describe: Describe = (error) => {
      if (error.details.length > 0) return error;
      if (request.contextValues?.get(REACHED) === true) return fault(error);
      const isMisfit = error.code === Code.InvalidArgument || error.code === Code.Internal;
      return describeError(error, requestBytes, isMisfit ? placeIn(handler, chunks) : undefined);
    };
    if (response.trailer?.has(headerGrpcStatus)) describeTrailer(response.trailer, describe);
    if (isErrorJson(response)) return describeBody(response, describe);
    return isEnveloped(response) ? describeFirst(response, describe) : response;
  };
  return Object.assign(described, handler);
}

/**
 * The request, of which JSON is kept as it is read: what is wrong with it can be
 * found again. When it is refused early the rest of it is read and dropped: a client
 * that sends first and then reads would not see the refusal.
 */
function listen(
  request: UniversalServerRequest,
  { method }: UniversalHandler,
  chunks: Uint8Array[],
): UniversalServerRequest {
  const { body, header } = request;
  if (!isBytes(body)) return request;
  const isOneMessage = method.methodKind !== "bidi_streaming";
  const isJson = isOneMessage && /[/+]json\b/.test(header.get("content-type") ?? "");
  const keep = (chunk: Uint8Array) => {
    if (isJson) chunks.push(chunk);
    return chunk;
  };
  return { ...request, body: intercept(body, keep, drain) };
}

/** Reads to the end. A request has a limit of time, and a stream a caller who has its answer. */
function drain(rest: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  const read = async (): Promise<void> => {
    while ((await rest.next()).done !== true);
  };
  read().catch(() => undefined);
  return Promise.resolve({ done: true, value: undefined });
}

function isBytes(body: UniversalServerRequest["body"]): body is Bytes {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

/** Where the message does not fit; of an envelope, the message in it. */
function placeIn({ method }: UniversalHandler, chunks: readonly Uint8Array[]) {
  const bytes = Buffer.concat(chunks);
  const text = bytes.subarray((bytes[0] ?? ENVELOPE_MAX) < ENVELOPE_MAX ? ENVELOPE_BYTES : 0);
  try {
    return misfitOf(method.input, JSON.parse(text.toString("utf8")));
  } catch {
    return undefined; // No JSON, or compressed: the adapter has said so.
  }
}

/** Flags and length. JSON never begins with a byte as low as the flags. */
const ENVELOPE_BYTES = 5;
const ENVELOPE_MAX = 9;

function describeTrailer(trailer: Headers, describe: Describe): void {
  const error = findTrailerError(trailer);
  if (error !== undefined) setTrailerStatus(trailer, describe(error));
}

function isErrorJson({ status, header }: UniversalServerResponse): boolean {
  const isPlain = header?.has("content-encoding") !== true;
  return status >= 400 && isPlain && header?.get("content-type") === "application/json";
}

async function describeBody(
  response: UniversalServerResponse,
  describe: Describe,
): Promise<UniversalServerResponse> {
  const bytes: Uint8Array[] = [];
  for await (const chunk of response.body as Bytes) bytes.push(chunk);
  const fallback = new ConnectError("unknown", Code.Internal);
  const error = errorFromJson(
    JSON.parse(Buffer.concat(bytes).toString("utf8")),
    undefined,
    fallback,
  );
  const described = describe(error);
  const text = errorToJsonBytes(described, undefined);
  const header = new Headers(response.header);
  header.set("content-length", String(text.length));
  return { ...response, status: codeToHttpStatus(described.code), header, body: iterate(text) };
}

async function* iterate(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Protocols that end a stream in its body. */
function isEnveloped({ header }: UniversalServerResponse): boolean {
  return /^application\/(connect\+|grpc-web)/.test(header?.get("content-type") ?? "");
}

/** What the adapter refuses by itself ends the stream with its first envelope. */
function describeFirst(
  response: UniversalServerResponse,
  describe: Describe,
): UniversalServerResponse {
  let isFirst = true;
  const body = intercept(response.body as Bytes, (chunk) => {
    const end = isFirst ? describeEnd(chunk, describe) : chunk;
    isFirst = false;
    return end;
  });
  return { ...response, body };
}

function describeEnd(envelope: Uint8Array, describe: Describe): Uint8Array {
  const bytes = envelope.subarray(ENVELOPE_BYTES);
  if (envelope[0] === endStreamFlag) {
    const { metadata, error } = endStreamFromJson(bytes);
    if (error === undefined) return envelope;
    const json = endStreamToJson(metadata, describe(error), undefined);
    return enveloped(endStreamFlag, Buffer.from(JSON.stringify(json)));
  }
  if (envelope[0] === trailerFlag) {
    const trailer = trailerParse(bytes);
    describeTrailer(trailer, describe);
    return enveloped(trailerFlag, trailerSerialize(trailer));
  }
  return envelope;
}

function enveloped(flags: number, bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(ENVELOPE_BYTES);
  head.writeUInt8(flags);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

type Leave = (rest: AsyncIterator<Uint8Array>) => Promise<IteratorResult<Uint8Array>>;

/** The same bytes, each chunk as `change` returns it. Unlike a generator, it passes `throw` on. */
function intercept(
  bytes: Bytes,
  change: (chunk: Uint8Array) => Uint8Array,
  leave: Leave = async (rest) => (await rest.return?.()) ?? { done: true, value: undefined },
): Bytes {
  return {
    [Symbol.asyncIterator]() {
      const inner = bytes[Symbol.asyncIterator]();
      return {
        async next() {
          const { done, value } = await inner.next();
          return done === true ? { done, value } : { done: false, value: change(value) };
        },
        ...(inner.throw && { throw: (error: unknown) => inner.throw?.(error) as never }),
        return: () => leave(inner),
      };
    },
  };
}
