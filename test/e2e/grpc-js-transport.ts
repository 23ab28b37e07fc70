import type { DescMethodStreaming, DescMethodUnary, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { createGrpcJsClient } from "../../src/client/grpc-js.ts";
import { gather } from "./feed.ts";

type Calls = Readonly<Record<string, (...given: readonly unknown[]) => unknown>>;

/**
 * Our typed grpc-js clients behind the interface of Connect's, so that one
 * journey goes through every door.
 */
export function createGrpcJsTransport(address: string): Transport & { close(): void } {
  const clients = new Map<string, ReturnType<typeof createGrpcJsClient>>();
  const clientOf = (service: DescService) => {
    const known = clients.get(service.typeName);
    if (known !== undefined) return known;
    const client = createGrpcJsClient(service, address, credentials.createInsecure(), {
      "grpc.initial_reconnect_backoff_ms": 50,
      "grpc.max_reconnect_backoff_ms": 200,
    });
    clients.set(service.typeName, client);
    return client;
  };
  const methodOf = (method: DescMethodUnary | DescMethodStreaming) => {
    const client = clientOf(method.parent) as unknown as Calls;
    const call = client[method.localName];
    if (call === undefined) throw new Error(`no method ${method.name}`);
    return call.bind(client);
  };
  return {
    async unary(method, signal, timeoutMs, header, input) {
      const trailer = new Headers();
      let head = new Headers();
      const message = await new Promise<never>((resolve, reject) => {
        const done = (error: ServiceError | null, response?: unknown) =>
          error === null ? resolve(response as never) : reject(toConnectError(error));
        const given = [input, metadataOf(header), optionsOf(timeoutMs), done];
        const call = methodOf(method)(...given) as ClientUnaryCall;
        call.on("metadata", (metadata: Metadata) => {
          head = headersOf(metadata);
        });
        signal?.addEventListener("abort", () => call.cancel(), { once: true });
      });
      return { stream: false, service: method.parent, method, header: head, trailer, message };
    },

    async stream(method, signal, timeoutMs, header, input) {
      const open = methodOf(method);
      const rest = [metadataOf(header), optionsOf(timeoutMs)];
      if (method.methodKind === "server_streaming") {
        const [message] = await gather(input);
        const call = open(message, ...rest) as ClientReadableStream<never>;
        return answerOf(method, call, signal);
      }
      const call = open(...rest) as ClientDuplexStream<object, never>;
      void send(call, input);
      return answerOf(method, call, signal);
    },

    close() {
      for (const client of clients.values()) client.close();
    },
  };
}

async function send(
  call: ClientDuplexStream<object, never>,
  input: AsyncIterable<object>,
): Promise<void> {
  for await (const message of input) call.write(message);
  call.end();
}

function answerOf(
  method: DescMethodStreaming,
  call: ClientReadableStream<never>,
  signal: AbortSignal | undefined,
) {
  signal?.addEventListener("abort", () => call.cancel(), { once: true });
  const [header, trailer] = [new Headers(), new Headers()];
  const { parent: service } = method;
  return { stream: true, service, method, header, trailer, message: messagesOf(call) } as never;
}

async function* messagesOf<O>(call: ClientReadableStream<O>): AsyncGenerator<O> {
  try {
    yield* call as AsyncIterable<O>;
  } catch (error) {
    throw toConnectError(error as ServiceError);
  }
}

function toConnectError(error: ServiceError): ConnectError {
  if (typeof error.code !== "number") return ConnectError.from(error, Code.Unavailable);
  const headers = headersOf(error.metadata);
  headers.set("grpc-status", String(error.code));
  headers.set("grpc-message", encodeURIComponent(error.details));
  return findTrailerError(headers) ?? ConnectError.from(error);
}

function metadataOf(header: ConstructorParameters<typeof Headers>[0]): Metadata {
  const metadata = new Metadata({ waitForReady: true });
  for (const [name, value] of new Headers(header)) metadata.set(name, value);
  return metadata;
}

function headersOf(metadata: Metadata | undefined): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(metadata?.toJSON() ?? {})) {
    for (const value of values) {
      const text = typeof value === "string" ? value : value.toString("base64");
      if (!name.startsWith(":")) headers.append(name, text);
    }
  }
  return headers;
}

function optionsOf(timeoutMs: number | undefined) {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}
