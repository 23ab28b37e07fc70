import { create, getOption } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ErrorDetailSchema,
  ErrorReason,
  ErrorReasonSchema,
  type ItemError,
  ItemErrorSchema,
} from "../../gen/opscore/v1/errors_pb.ts";
import { reason as reasonPolicy, type StatusCode } from "../../gen/opscore/v1/options_pb.ts";
import type { Refusal, Refused } from "../core/errors.ts";
import { bounded } from "./error-size.ts";
import { SAID, type Said } from "./refusals.ts";

/** A refusal as an error of any protocol: its status, one ErrorDetail, and `retry-after` where it helps. */
export function toConnectError(refusal: Refusal): ConnectError {
  return errorOf(said(refusal));
}

/**
 * Gives an error that the adapter made itself the detail that all others have: of
 * bytes that are no message, of a message that is too large. It speaks by code
 * alone, and what it calls internal is bytes that are no message, too.
 */
export function describeError(
  { code, rawMessage: message }: ConnectError,
  requestBytes: number,
  place?: { readonly pointer: string; readonly message: string },
): ConnectError {
  switch (code) {
    case Code.ResourceExhausted: {
      const met = { name: "request_bytes", value: requestBytes, actual: requestBytes + 1 };
      return toConnectError({ code: "too_large", ...met });
    }
    case Code.DeadlineExceeded:
      return toConnectError({ code: "deadline_passed" });
    case Code.Canceled:
      return toConnectError({ code: "caller_cancelled" });
    case Code.Unimplemented:
      return toConnectError({ code: "not_offered", message });
    default:
      return toConnectError({ code: "malformed", message, ...place });
  }
}

/** What callers see of a bug: nothing but where to look. */
export function internalError(logId: string): ConnectError {
  return errorOf({
    reason: ErrorReason.INTERNAL,
    message: `internal error ${logId}`,
    detail: { hint: `Look for ${logId} in the log of the server.` },
  });
}

/** The refusal of one item of a batch. */
export function toItemError({ refusal }: Refused): ItemError {
  const { reason, message, detail } = said(refusal);
  return create(ItemErrorSchema, {
    code: codeOf(reason),
    message,
    detail: { ...detail, reason },
  });
}

/** The reason that a refusal is reported with. */
export function reasonOf(refusal: Refusal): ErrorReason {
  return said(refusal).reason;
}

/** Why a bulk command left a run as it is, from the code of the refusal, as callers read it. */
export function skippedReason(code: string): string {
  return code === "not_found" ? reasonName(ErrorReason.RUN_NOT_FOUND) : code.toUpperCase();
}

/** The name of a reason, without prefix. */
export function reasonName(reason: ErrorReason): string {
  return ErrorReasonSchema.value[reason]?.localName ?? "INTERNAL";
}

function said(refusal: Refusal): Said {
  return bounded((SAID[refusal.code] as (refusal: Refusal) => Said)(refusal));
}

function errorOf({ reason, message, detail }: Said): ConnectError {
  const value = create(ErrorDetailSchema, { ...detail, reason });
  const headers = value.retryAfter && { "retry-after": wholeSeconds(value.retryAfter) };
  // The numbers of StatusCode are those of gRPC and Connect.
  const code = codeOf(reason) as number as Code;
  return new ConnectError(message, code, headers, [{ desc: ErrorDetailSchema, value }]);
}

function codeOf(reason: ErrorReason): StatusCode {
  const value = ErrorReasonSchema.value[reason];
  return value ? getOption(value, reasonPolicy).code : (Code.Internal as number as StatusCode);
}

/** At least 1: a header of 0 would ask for a busy loop. */
function wholeSeconds(duration: Duration): string {
  return String(Math.max(1, Math.ceil(durationMs(duration) / 1000)));
}
