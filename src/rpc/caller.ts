import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { Limits } from "../core/limits.ts";
import type { Answer, Caller } from "../engine/caller.ts";
import type { Call } from "./call.ts";
import { requestKeyOf } from "./request-key.ts";

/** On whose behalf a call acts; `reason` is for people. */
export function callerOf({ namespace, principal }: Call, reason = ""): Caller {
  return { ns: namespace, actor: principal.actor, ...(reason !== "" && { reason }) };
}

/** The same for a mutation, with what makes it idempotent. */
export function mutatorOf<Input extends DescMessage>(
  call: Call,
  method: DescMethod & { readonly input: Input },
  message: MessageShape<Input> & { readonly requestId: string },
  reason = "",
): Caller {
  const request = requestKeyOf(method, message, call.principal.name);
  return { ...callerOf(call, reason), ...(request && { request }) };
}

/** The result of a mutation. Says in a header when an earlier call with the same request_id made it. */
export function resultOf<T>(call: Call, { result, replayed }: Answer<T>): T {
  if (replayed) call.responseHeaders.set("opscore-replayed", "1");
  return result;
}

/** The rest of a deadline that a waiting call leaves for its answer. */
const ANSWER_MS = 500;

/**
 * A signal for a call that waits: aborts when its wait is over, when its deadline comes near, and
 * when the server shuts down, so that it answers with what it has.
 */
export function waitOf(call: Call, wait: Duration | undefined, limits: Limits): AbortSignal {
  const asked = Math.min(wait ? durationMs(wait) : 0, limits.long_poll_ms);
  const waitMs = Math.min(asked, call.timeoutMs() - ANSWER_MS);
  if (waitMs <= 0) return AbortSignal.abort();
  return AbortSignal.any([AbortSignal.timeout(Math.ceil(waitMs)), call.draining]);
}
