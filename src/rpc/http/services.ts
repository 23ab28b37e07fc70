import type {
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  DescService,
} from "@bufbuild/protobuf";
import type { Handlers } from "../call.ts";
import { type Incoming, type WrapDeps, warmUp, wrapStream, wrapUnary } from "../wrap.ts";

/** A service with its handlers. */
export interface Service<S extends DescService = DescService> {
  readonly service: S;
  readonly handlers: Handlers<S>;
}

/** A wrapped method, ready for any door. */
export type Route =
  | {
      readonly kind: "unary";
      readonly method: DescMethodUnary;
      readonly call: (message: never, incoming: Incoming) => Promise<object>;
    }
  | {
      readonly kind: "stream";
      readonly method: DescMethodStreaming;
      readonly call: (input: never, incoming: Incoming) => AsyncGenerator<object>;
    };

/** Ties a service to its handlers; the types agree here and are not needed after. */
export function serve<S extends DescService>(service: S, handlers: Handlers<S>): Service {
  return { service, handlers: handlers as Handlers<DescService> };
}

/** Every method of every service, wrapped once, by its path. */
export function routesOf(services: readonly Service[], deps: WrapDeps): ReadonlyMap<string, Route> {
  const all = services.flatMap(({ service, handlers }) =>
    service.methods.map((method): readonly [string, Route] => {
      warmUp(method);
      const handler = (handlers as Readonly<Record<string, unknown>>)[method.localName];
      return [pathOfMethod(method), routeOf(method, handler, deps)];
    }),
  );
  return new Map(all);
}

function pathOfMethod({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

function routeOf(method: DescMethod, handler: unknown, deps: WrapDeps): Route {
  if (isUnary(method)) {
    return { kind: "unary", method, call: wrapUnary(method, handler as never, deps) as never };
  }
  if (!isStream(method)) {
    throw new Error(`${method.name} streams requests only: no door serves that`);
  }
  return { kind: "stream", method, call: wrapStream(method, handler as never, deps) as never };
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isStream(method: DescMethod): method is DescMethodStreaming {
  return method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
}
