import {
  create,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { pino } from "pino";
import { LifecycleService } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LoggingService } from "../../gen/opscore/v1/logging_pb.ts";
import { TaskService } from "../../gen/opscore/v1/task_pb.ts";
import { WorkflowService } from "../../gen/opscore/v1/workflow_pb.ts";
import { type Limits, limitsWith } from "../../src/core/limits.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import type { Call } from "../../src/rpc/call.ts";
import { lifecycleHandlers } from "../../src/rpc/lifecycle.ts";
import { loggingHandlers } from "../../src/rpc/logging.ts";
import { taskHandlers } from "../../src/rpc/task.ts";
import { workflowHandlers } from "../../src/rpc/workflow.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { Store } from "../../src/store/store.ts";

type Init<D extends DescMessage> = MessageInitShape<D>;
type Handle = (input: unknown, call: Call) => unknown;

/** A call of a test: whoever makes it can leave, and can shut the server down. */
export interface TestCall extends Call {
  leave(reason?: unknown): void;
  drain(): void;
}

export interface CallOptions {
  readonly principal?: string;
  readonly namespace?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Who calls, as a door would have found out. */
export function callOf(options: CallOptions = {}): TestCall {
  const { principal: name = "user:local", namespace = "default", timeoutMs = 60_000 } = options;
  const leaving = new AbortController();
  const draining = new AbortController();
  const isAgent = name.startsWith("agent:");
  return {
    signal: leaving.signal,
    draining: draining.signal,
    principal: {
      name,
      actor: name,
      scopes: isAgent ? ["lifecycle.self"] : ["admin"],
      namespaces: ["*"],
      ...(isAgent && { agentId: name.slice("agent:".length) }),
    },
    namespace,
    headers: new Headers(options.headers),
    responseHeaders: new Headers(),
    peer: "127.0.0.1 test",
    timeoutMs: () => timeoutMs,
    leave: (reason) => leaving.abort(reason),
    drain: () => draining.abort(),
  };
}

/** The four services over the real engine and a store in memory. */
export interface Rig extends AsyncDisposable {
  readonly engine: Engine;
  readonly store: Store;
  /** A unary call. */
  ask<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: Init<I>,
    call?: Call,
  ): Promise<MessageShape<O>>;
  /** A stream from the server; it is pulled by whoever reads it. */
  open<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    message: Init<I>,
    call?: Call,
  ): AsyncGenerator<MessageShape<O>>;
  /** A stream both ways. */
  talk<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    messages: AsyncIterable<Init<I>>,
    call?: Call,
  ): AsyncGenerator<MessageShape<O>>;
}

export async function openRig(changed: Partial<Limits> = {}): Promise<Rig> {
  const limits = limitsWith({ sweep_ms: 100, ...changed });
  const store = await openSqliteStore({ path: ":memory:" });
  const logger = pino({ level: "silent" });
  const engine = createEngine({ store, limits, logger, replicaId: "test" });
  engine.start();
  const server = {
    version: "1.2.3",
    minClientVersion: "0.1.0",
    replicaId: "test",
    store: "sqlite",
    limits,
  } as const;
  const services: Readonly<Record<string, object>> = {
    [LifecycleService.typeName]: lifecycleHandlers(engine, server),
    [WorkflowService.typeName]: workflowHandlers(engine),
    [TaskService.typeName]: taskHandlers(engine),
    [LoggingService.typeName]: loggingHandlers(engine),
  };
  const handlerOf = (service: string, method: string) =>
    (services[service] as Readonly<Record<string, Handle>>)[method] as Handle;

  return {
    engine,
    store,
    async ask({ parent, localName, input, output }, message, call = callOf()) {
      const answer = handlerOf(parent.typeName, localName)(create(input, message), call);
      return create(output, (await answer) as never);
    },
    async *open({ parent, localName, input, output }, message, call = callOf()) {
      const frames = handlerOf(parent.typeName, localName)(create(input, message), call);
      for await (const frame of frames as AsyncIterable<object>)
        yield create(output, frame as never);
    },
    async *talk({ parent, localName, input, output }, messages, call = callOf()) {
      async function* created() {
        for await (const message of messages) yield create(input, message);
      }
      const frames = handlerOf(parent.typeName, localName)(created(), call);
      for await (const frame of frames as AsyncIterable<object>)
        yield create(output, frame as never);
    },
    async [Symbol.asyncDispose]() {
      await engine.stop();
      await store.close();
    },
  };
}

/** The refusal that a call ends with. */
export async function refusalOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && "refusal" in error) return error.refusal;
    throw error;
  }
  throw new Error("it was not refused");
}

/** The next frame; a stream that has ended is an error. */
export async function next<T>(frames: AsyncGenerator<T>): Promise<T> {
  const { done, value } = await frames.next();
  if (done === true) throw new Error("the stream has ended");
  return value;
}

/** Frames up to and with the first that `until` holds for. */
export async function upTo<T>(
  frames: AsyncGenerator<T>,
  until: (frame: T) => boolean,
): Promise<T[]> {
  const seen: T[] = [];
  for (;;) {
    const frame = await next(frames);
    seen.push(frame);
    if (until(frame)) return seen;
  }
}
