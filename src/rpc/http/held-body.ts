import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { Refused } from "../../core/errors.ts";
import { toConnectError } from "../errors.ts";
import type { Held, InFlight } from "../in-flight.ts";

/** The bytes of a body, counted as they are read. @throws {Refused} `overloaded`. */
export async function* counted<T extends Uint8Array>(
  body: AsyncIterable<T>,
  held: Held,
): AsyncGenerator<T> {
  for await (const chunk of body) {
    held.add(chunk.length);
    yield chunk;
  }
}

/** Counts the bytes of each request until it is answered; streams of requests pass and are not held. */
export function holdBodies(handler: UniversalHandler, inFlight: InFlight): UniversalHandler {
  if (handler.method.methodKind === "bidi_streaming") return handler;
  const holding = (request: Parameters<UniversalHandler>[0]) => {
    const held = inFlight.held();
    // Aborts after every request, also after one that went well.
    request.signal.addEventListener("abort", () => held[Symbol.dispose](), { once: true });
    const body = request.body as AsyncIterable<Uint8Array>;
    return handler({ ...request, body: translated(counted(body, held)) });
  };
  return Object.assign(holding, handler);
}

async function* translated<T>(body: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* body;
  } catch (error) {
    throw error instanceof Refused ? toConnectError(error.refusal) : error;
  }
}
