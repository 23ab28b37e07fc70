import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  errorFromJson,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import {
  findTrailerError,
  headerGrpcStatus,
  setTrailerStatus,
} from "@connectrpc/connect/protocol-grpc";
import type { Refusal } from "../../core/errors.ts";
import { toConnectError } from "../errors.ts";

/**
 * Gives errors that the adapter makes itself, before any handler is called, the
 * detail that all others have: a message that cannot be decoded, one that is too
 * large. Everything else comes with its detail already and passes as it is.
 */
export function describeErrors(handler: UniversalHandler, requestBytes: number): UniversalHandler {
  const described = async (request: Parameters<UniversalHandler>[0]) => {
    const response = await handler(request);
    const trailer = response.trailer;
    if (trailer?.has(headerGrpcStatus)) describeTrailer(trailer, requestBytes);
    return isErrorJson(response) ? describeBody(response, requestBytes) : response;
  };
  return Object.assign(described, handler);
}

function describeTrailer(trailer: Headers, requestBytes: number): void {
  const error = findTrailerError(trailer);
  if (error === undefined || error.details.length > 0) return;
  setTrailerStatus(trailer, withDetail(error, requestBytes));
}

function isErrorJson({ status, header }: UniversalServerResponse): boolean {
  const isPlain = header?.has("content-encoding") !== true;
  return status >= 400 && isPlain && header?.get("content-type") === "application/json";
}

async function describeBody(
  response: UniversalServerResponse,
  requestBytes: number,
): Promise<UniversalServerResponse> {
  const bytes: Uint8Array[] = [];
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) bytes.push(chunk);
  const body = Buffer.concat(bytes);
  const fallback = new ConnectError("unknown", Code.Internal);
  const error = errorFromJson(JSON.parse(body.toString("utf8")), undefined, fallback);
  if (error.details.length > 0) return { ...response, body: iterate(body) };
  const described = withDetail(error, requestBytes);
  const text = errorToJsonBytes(described, undefined);
  const header = new Headers(response.header);
  header.set("content-length", String(text.length));
  return { ...response, status: codeToHttpStatus(described.code), header, body: iterate(text) };
}

async function* iterate(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The adapter speaks by code alone; what it calls internal is bytes that are no message. */
function withDetail({ code, rawMessage }: ConnectError, requestBytes: number): ConnectError {
  const error = toConnectError(refusalOf(code, rawMessage, requestBytes));
  return new ConnectError(rawMessage, error.code, error.metadata, error.details as never);
}

function refusalOf(code: Code, message: string, requestBytes: number): Refusal {
  switch (code) {
    case Code.ResourceExhausted: {
      const met = { name: "request_bytes", value: requestBytes, actual: requestBytes + 1 };
      return { code: "too_large", ...met };
    }
    case Code.DeadlineExceeded:
      return { code: "deadline_passed" };
    case Code.Canceled:
      return { code: "caller_cancelled" };
    case Code.Unimplemented:
      return { code: "not_offered", message };
    default:
      return { code: "malformed", message };
  }
}
