import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Principal } from "./auth.ts";

/** What a handler knows of its call. It knows neither the protocol nor the server behind it. */
export interface Call {
  /** Aborts when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal;
  /** Aborts when the server shuts down: what waits answers with what it has. */
  readonly draining: AbortSignal;
  readonly principal: Principal;
  readonly namespace: string;
  readonly headers: Headers;
  readonly responseHeaders: Headers;
  /** Address and user agent of the caller, for operators. */
  readonly peer: string;
  /** What is left of the deadline, in ms; Infinity for streams without one. */
  timeoutMs(): number;
}

type Init<M extends DescMethod["output"]> = MessageInitShape<M>;

/** Handles one method. Refusals are thrown; the door translates them. */
export type Handler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (message: MessageShape<I>, call: Call) => Promise<Init<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (message: MessageShape<I>, call: Call) => AsyncIterable<Init<O>>
      : M extends DescMethodBiDiStreaming<infer I, infer O>
        ? (messages: AsyncIterable<MessageShape<I>>, call: Call) => AsyncIterable<Init<O>>
        : never;

/** The handlers of a service, by the names of its methods in lowerCamelCase. */
export type Handlers<S extends DescService> = {
  readonly [K in keyof S["method"]]: Handler<S["method"][K]>;
};
