import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  getOption,
  type MessageShape,
} from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Logger } from "pino";
import { policy, RateClass } from "../../gen/opscore/v1/options_pb.ts";
import { Refused } from "../core/errors.ts";
import { newReference } from "../engine/ids.ts";
import { failpoint } from "../failpoint.ts";
import type { Call, Handler } from "./call.ts";
import { describeError, internalError, toConnectError } from "./errors.ts";
import type { Gate, Identity } from "./gate.ts";
import type { InFlight } from "./in-flight.ts";
import { brokenRules, compileRules } from "./rules.ts";
import { refuseUnstorable } from "./storable.ts";
import { invalidFields } from "./violations.ts";

/** A call as a door brings it: admitted, decoded, not yet checked. */
export interface Incoming {
  readonly identity: Identity;
  readonly headers: Headers;
  readonly responseHeaders: Headers;
  readonly peer: string;
  /** Aborts when the caller has gone or its own deadline has passed. */
  readonly signal: AbortSignal;
  /** The caller's deadline; `undefined` without one. */
  timeoutMs(): number | undefined;
  /** Cuts a reader that does not read. */
  cut(): void;
}

export interface WrapDeps {
  readonly gate: Gate;
  readonly inFlight: InFlight;
  readonly logger: Logger;
  readonly draining: AbortSignal;
  readonly version: string;
  /** Largest message, for those of a stream that are larger. */
  readonly requestBytes: number;
  /** Longest time of a unary call. */
  readonly unaryTimeoutMs: number;
}

/**
 * Wraps a unary handler: limits, validation, deadline, refusals, log. Every door
 * calls the result, so that no door is more open than another.
 */
export function wrapUnary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handler: Handler<DescMethodUnary<I, O>>,
  deps: WrapDeps,
): (message: MessageShape<I>, incoming: Incoming) => Promise<MessageShape<O>> {
  const isBatch = getOption(method, policy).rateClass === RateClass.BATCH;
  return (message, incoming) =>
    guarded(method, incoming, deps, async () => {
      const { name } = incoming.identity.principal;
      using _slot = waits(message) ? deps.inFlight.stream(name) : deps.inFlight.unary(name);
      const call = callOf(incoming, deps, deps.unaryTimeoutMs);
      checkMessage(method.input, message);
      if (isBatch) deps.gate.countItems(call.principal, itemsIn(message));
      const answer = await handler(message, call);
      // Whoever set a deadline has stopped listening: an OK would be a lie.
      if (call.timeoutMs() <= 0) throw new Refused({ code: "deadline_passed" });
      incoming.signal.throwIfAborted();
      failpoint("answer.ready");
      return create(method.output, answer);
    });
}

/** The same for streams. What the handler yields is pulled: nothing is queued. */
export function wrapStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodStreaming<I, O>,
  handler: (input: never, call: Call) => AsyncIterable<unknown>,
  deps: WrapDeps,
): (
  input: MessageShape<I> | AsyncIterable<MessageShape<I>>,
  incoming: Incoming,
) => AsyncGenerator<MessageShape<O>> {
  const open = handler as (input: unknown, call: Call) => AsyncIterable<object>;
  return async function* (input, incoming) {
    const { inFlight } = deps;
    try {
      using _slot = inFlight.stream(incoming.identity.principal.name);
      const call = callOf(incoming, deps, Number.POSITIVE_INFINITY);
      const checked = isIterable<I>(input) ? checkedMessages(method.input, input) : input;
      if (!isIterable<I>(input)) checkMessage(method.input, input);
      for await (const frame of open(checked, call)) {
        using _watched = inFlight.watchReader(() => incoming.cut());
        failpoint("frame.ready");
        yield create(method.output, frame as never);
      }
    } catch (error) {
      throw translated(method, incoming, deps, error);
    } finally {
      logCall(method, incoming, deps);
    }
  };
}

async function* checkedMessages<I extends DescMessage>(
  schema: I,
  messages: AsyncIterable<MessageShape<I>>,
): AsyncGenerator<MessageShape<I>> {
  for await (const message of messages) {
    checkMessage(schema, message);
    yield message;
  }
}

/** Compiles the rules of a message before the first call needs them: that takes long. */
export function warmUp(method: DescMethod): void {
  compileRules(method.input, create(method.input));
}

function checkMessage<I extends DescMessage>(schema: I, message: MessageShape<I>): void {
  const violations = brokenRules(schema, message);
  if (violations.length > 0) throw invalidFields(violations, message);
  refuseUnstorable(schema, message);
}

async function guarded<T>(
  method: DescMethod,
  incoming: Incoming,
  deps: WrapDeps,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translated(method, incoming, deps, error);
  } finally {
    logCall(method, incoming, deps);
  }
}

function callOf(incoming: Incoming, { draining }: WrapDeps, timeoutMaxMs: number): Call {
  const { identity, headers, responseHeaders, peer } = incoming;
  const endMs = performance.now() + Math.min(incoming.timeoutMs() ?? timeoutMaxMs, timeoutMaxMs);
  let signal: AbortSignal | undefined;
  return {
    ...identity,
    headers,
    responseHeaders,
    peer,
    draining,
    timeoutMs: () => endMs - performance.now(),
    // Made on demand: most unary calls end before they would ask.
    get signal() {
      signal ??= Number.isFinite(endMs)
        ? AbortSignal.any([
            incoming.signal,
            AbortSignal.timeout(Math.max(0, Math.ceil(endMs - performance.now()))),
          ])
        : incoming.signal;
      return signal;
    },
  };
}

/** What the caller sees of an error: a refusal, the end of its own patience, or a number to ask about. */
function translated(
  method: DescMethod,
  { signal }: Incoming,
  { logger, requestBytes }: WrapDeps,
  error: unknown,
): ConnectError {
  if (error instanceof Refused) return toConnectError(error.refusal);
  if (error instanceof ConnectError && error.details.length > 0) return error;
  if (signal.aborted) {
    const late =
      signal.reason instanceof ConnectError && signal.reason.code === Code.DeadlineExceeded;
    return toConnectError({ code: late ? "deadline_passed" : "caller_cancelled" });
  }
  if (error instanceof Error && error.name === "TimeoutError") {
    return toConnectError({ code: "deadline_passed" });
  }
  // A message of a stream that cannot be decoded: the door says it in the middle of our reading.
  if (error instanceof ConnectError) return describeError(error, requestBytes);
  return noteFault(logger.child({ method: method.name }), error);
}

/** Writes a fault of our own to the log; callers get its number. */
export function noteFault(logger: Logger, error: unknown): ConnectError {
  const logId = newReference();
  logger.error({ err: error, logId }, "a call failed");
  return internalError(logId);
}

function logCall(method: DescMethod, { identity }: Incoming, { logger }: WrapDeps): void {
  const { principal, namespace } = identity;
  logger.debug({ method: method.name, principal: principal.name, namespace }, "call");
}

/** Whether a call may stay open for long: it costs what a stream costs, and answers as late. */
function waits(message: object): boolean {
  const { wait } = message as { readonly wait?: Duration };
  return wait !== undefined && durationMs(wait) > 0;
}

/** How many items a batch has: the length of its one list. */
function itemsIn(message: object): number {
  return Object.values(message).reduce(
    (most: number, value) => (Array.isArray(value) ? Math.max(most, value.length) : most),
    1,
  );
}

function isIterable<I extends DescMessage>(
  input: MessageShape<I> | AsyncIterable<MessageShape<I>>,
): input is AsyncIterable<MessageShape<I>> {
  return Symbol.asyncIterator in input;
}
