import {
  create,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type CallOptions,
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type Metadata,
  type MethodDefinition,
  makeGenericClientConstructor,
  type ServiceDefinition,
  type ServiceError,
} from "@grpc/grpc-js";

/** The answer of a unary call: either an error, or the message. */
export type Callback<O> = (error: ServiceError | null, response?: O) => void;

type Unary<M extends DescMethodUnary> = {
  (
    request: MessageInitShape<M["input"]>,
    callback: Callback<MessageShape<M["output"]>>,
  ): ClientUnaryCall;
  (
    request: MessageInitShape<M["input"]>,
    metadata: Metadata,
    options: CallOptions,
    callback: Callback<MessageShape<M["output"]>>,
  ): ClientUnaryCall;
};

type ServerStreaming<M extends DescMethodServerStreaming> = (
  request: MessageInitShape<M["input"]>,
  metadata?: Metadata,
  options?: CallOptions,
) => ClientReadableStream<MessageShape<M["output"]>>;

type BiDiStreaming<M extends DescMethodBiDiStreaming> = (
  metadata?: Metadata,
  options?: CallOptions,
) => ClientDuplexStream<MessageInitShape<M["input"]>, MessageShape<M["output"]>>;

/** A grpc-js client of a service: its methods by their names in lowerCamelCase, typed from the descriptor. */
export type GrpcJsClient<S extends DescService> = Client & {
  readonly [K in keyof S["method"]]: S["method"][K] extends DescMethodUnary
    ? Unary<S["method"][K]>
    : S["method"][K] extends DescMethodServerStreaming
      ? ServerStreaming<S["method"][K]>
      : S["method"][K] extends DescMethodBiDiStreaming
        ? BiDiStreaming<S["method"][K]>
        : never;
};

/**
 * The definition of a service for `@grpc/grpc-js`, made from its generated
 * descriptor: for servers, and for `makeGenericClientConstructor`. Messages are
 * encoded by protobuf-es, so requests may be plain objects.
 */
export function grpcJs(service: DescService): ServiceDefinition {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, definitionOf(service, method)]),
  );
}

/**
 * A typed grpc-js client.
 *
 * @param address host and port, for example `127.0.0.1:6772`.
 * @param credentials for example `credentials.createInsecure()` for a local server.
 */
export function createGrpcJsClient<S extends DescService>(
  service: S,
  address: string,
  credentials: ChannelCredentials,
  options: ClientOptions = {},
): GrpcJsClient<S> {
  const Constructor = makeGenericClientConstructor(grpcJs(service), service.name);
  return new Constructor(address, credentials, options) as unknown as GrpcJsClient<S>;
}

function definitionOf(service: DescService, method: DescMethod): MethodDefinition<object, object> {
  const { input, output, methodKind } = method;
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    requestSerialize: (message) => Buffer.from(toBinary(input, create(input, { ...message }))),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(output, create(output, { ...message }))),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}
