import {
  create,
  fromJson,
  type JsonValue,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import {
  type Duration,
  durationFromMs,
  durationMs,
  type Timestamp,
  timestampFromMs,
  type Value,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import {
  type DiagnosticSchema,
  type Failure as FailureMessage,
  type FailureSchema,
  type Payload,
  PayloadSchema,
} from "../../gen/opscore/v1/common_pb.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import { Refused } from "../core/errors.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { Limits } from "../core/limits.ts";
import type { Failure } from "../core/template-types.ts";

/** The fields of a message, for `create` and for handlers to return. */
export type Init<Desc extends Parameters<typeof create>[0]> = Exclude<
  MessageInitShape<Desc>,
  { $typeName: string }
>;

export function toTime(ms: number): Timestamp {
  return timestampFromMs(Math.floor(ms));
}

export function toDuration(ms: number): Duration {
  return durationFromMs(Math.floor(ms));
}

export function fromTime(time: Timestamp | undefined): number | undefined {
  // Rounding up would leave the year 9999.
  return time && Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000);
}

export function fromDuration(duration: Duration | undefined): number | undefined {
  return duration && Math.ceil(durationMs(duration));
}

/** A field that its rule requires: validation has refused the request without it before. */
export function required<T>(value: T | undefined, pointer: string): T {
  if (value !== undefined) return value;
  throw new Refused({ code: "invalid_field", pointer, message: "is required" });
}

/** `""` is how the wire says "nothing". */
export function textOrNothing(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/**
 * Marks a payload that is not plain JSON: bytes and references are kept as
 * `{"$payload": <the payload as ProtoJSON>}`, so that the core carries every
 * payload as one JSON document and expressions see plain JSON as it is. A JSON
 * document that looks like that itself is kept the same way.
 */
const TAG = "$payload";

/**
 * A payload as the core carries it. `pointer` is where it is in the request.
 * @throws {Refused} `too_large` above `payload_bytes`, counted as the JSON that is kept; `invalid_field`.
 */
export function fromPayload(
  payload: Payload | undefined,
  pointer: string,
  limits: Limits,
): Json | undefined {
  if (payload === undefined || payload.data.case === undefined) return undefined;
  const json = payload.data.case === "json" ? plain(payload.data.value, pointer) : undefined;
  const kept = json === undefined || isTagged(json) ? { [TAG]: tagged(payload, pointer) } : json;
  checkSize(kept, "payload_bytes", pointer, limits);
  return kept;
}

export function toPayload(kept: Json | undefined): Payload | undefined {
  if (kept === undefined) return undefined;
  if (isTagged(kept)) return fromJson(PayloadSchema, kept[TAG] as JsonValue);
  return create(PayloadSchema, {
    data: { case: "json", value: fromJson(ValueSchema, kept as JsonValue) },
  });
}

function isTagged(json: Json): json is JsonObject {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return false;
  const keys = Object.keys(json);
  return keys.length === 1 && keys[0] === TAG;
}

function tagged(payload: Payload, pointer: string): Json {
  return representable(pointer, () => toJson(PayloadSchema, payload));
}

function plain(value: Value, pointer: string): Json {
  return representable(pointer, () => toJson(ValueSchema, value));
}

/** Binary protobuf can hold numbers that JSON cannot, and values that are nothing. */
function representable(pointer: string, write: () => JsonValue): Json {
  try {
    return write() as Json;
  } catch {
    throw new Refused({ code: "invalid_field", pointer, message: "not a JSON value" });
  }
}

/** @throws {Refused} `too_large`. */
function checkSize(
  json: Json,
  limit: "payload_bytes" | "details_bytes",
  pointer: string,
  limits: Limits,
): void {
  const actual = byteLength(JSON.stringify(json));
  const value = limits[limit];
  if (actual > value) throw new Refused({ code: "too_large", name: limit, value, actual, pointer });
}

const encoder = new TextEncoder();

/** Length in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/**
 * What an agent says about its failure. Its `pointer` is dropped: only the engine points into templates.
 * @throws {Refused} `too_large`, `invalid_field` for details that are no JSON.
 */
export function fromFailure(message: FailureMessage, pointer: string, limits: Limits): Failure {
  const { reason, permanent, details, cause } = message;
  const retryAfterMs = fromDuration(message.retryAfter);
  return {
    reason,
    message: message.message,
    ...(permanent && { permanent }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(details && { details: fromDetails(details, `${pointer}/details`, limits) }),
    ...(cause && { cause: fromFailure(cause, `${pointer}/cause`, limits) }),
  };
}

/** @throws {Refused} `too_large`, `invalid_field`. */
export function fromDetails(details: JsonObject, pointer: string, limits: Limits): JsonObject {
  checkSize(details, "details_bytes", pointer, limits);
  return details;
}

export function toFailure(failure: Failure): Init<typeof FailureSchema> {
  const { reason, message, permanent, retryAfterMs, details, pointer, cause } = failure;
  return {
    reason,
    message,
    ...(permanent && { permanent }),
    ...(retryAfterMs !== undefined && { retryAfter: toDuration(retryAfterMs) }),
    ...(details && { details: details as Record<string, JsonValue> }),
    ...(pointer !== undefined && { pointer }),
    ...(cause && { cause: toFailure(cause) }),
  };
}

/** More than this helps nobody. */
const DIAGNOSTICS_MAX = 100;

export function toDiagnostics(diagnostics: readonly Diagnostic[]): Init<typeof DiagnosticSchema>[] {
  return diagnostics
    .slice(0, DIAGNOSTICS_MAX)
    .map(({ range, ...rest }) => ({ ...rest, ...(range && { expression: range }) }));
}
