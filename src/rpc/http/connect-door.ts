import { constants } from "node:http2";
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { compressionGzip, connectNodeAdapter } from "@connectrpc/connect-node";
import { Refused } from "../../core/errors.ts";
import { toConnectError } from "../errors.ts";
import type { Gate, Identity } from "../gate.ts";
import type { InFlight } from "../in-flight.ts";
import type { Incoming } from "../wrap.ts";
import { type DescribeOptions, describeErrors, REACHED } from "./describe-errors.ts";
import { holdBodies } from "./held-body.ts";
import type { HttpLimits } from "./limits.ts";
import { addressOf, type Door, type NodeRequest, type NodeResponse, peerOf } from "./request.ts";
import type { Route } from "./services.ts";

/** Largest deadline a client may name; the adapter refuses a larger one. */
const TIMEOUT_MAX_MS = 3_600_000;

const JSON_OPTIONS = {
  ignoreUnknownFields: false,
  // Text that is no UTF-8 would be repaired in silence.
  textDecoder: new TextDecoder("utf-8", { fatal: true }),
};

/** Below, compressing takes longer than sending. */
const COMPRESS_MIN_BYTES = 64 * 1024;

const REQUEST = createContextKey<NodeRequest | undefined>(undefined);
const IDENTITY = createContextKey<Identity | undefined>(undefined);

export interface ConnectDoorOptions {
  readonly routes: ReadonlyMap<string, Route>;
  /** Health and reflection: they are asked before any policy of ours. */
  readonly more: (router: ConnectRouter) => void;
  readonly gate: Gate;
  readonly inFlight: InFlight;
  /** Methods that need no policy, by path: what `more` serves. */
  readonly open: (path: string, headers: Headers, address: string) => boolean;
  readonly limits: HttpLimits;
  readonly version: string;
  readonly fault: DescribeOptions["fault"];
  readonly fallback: Door;
}

/** gRPC, gRPC-Web and Connect, by the adapter of connect-node. */
export function createConnectDoor(options: ConnectDoorOptions): Door {
  const { routes, more, gate, inFlight, open, limits, version, fault, fallback } = options;
  const router: ConnectRouterOptions = {
    readMaxBytes: limits.request_bytes,
    writeMaxBytes: limits.response_bytes,
    maxTimeoutMs: TIMEOUT_MAX_MS,
    acceptCompression: [compressionGzip],
    compressMinBytes: COMPRESS_MIN_BYTES,
    jsonOptions: JSON_OPTIONS,
    // Runs on the headers, before any of the body is read.
    requestGate({ method, requestHeader, responseHeader, values }) {
      responseHeader.set("opscore-version", version);
      const address = addressOfCall({ values });
      const path = `/${method.parent.typeName}/${method.name}`;
      try {
        if (open(path, requestHeader, address)) return;
        values.set(IDENTITY, gate.admit(method, { headers: requestHeader, address }));
      } catch (error) {
        throw error instanceof Refused ? toConnectError(error.refusal) : error;
      }
    },
  };
  return connectNodeAdapter({
    ...router,
    contextValues: (req): ContextValues => createContextValues().set(REQUEST, req),
    fallback: (req, res) => fallback(req, res as NodeResponse),
    routes(to) {
      for (const route of routes.values()) register(to, route);
      const describe = { requestBytes: limits.request_bytes, fault };
      replace(to.handlers, (handler) => describeErrors(handler, describe));
      more(to);
      replace(to.handlers, (handler) => holdBodies(handler, inFlight));
    },
  });
}

function replace<T>(items: T[], by: (item: T) => T): void {
  for (const [i, item] of items.entries()) items[i] = by(item);
}

function register(router: ConnectRouter, route: Route): void {
  const implementation =
    route.kind === "unary"
      ? (message: never, context: HandlerContext) => route.call(message, incomingOf(context))
      : (input: never, context: HandlerContext) => route.call(input, incomingOf(context));
  router.rpc(route.method, implementation as never);
}

function incomingOf(context: HandlerContext): Incoming {
  context.values.set(REACHED, true);
  const identity = context.values.get(IDENTITY);
  const request = context.values.get(REQUEST);
  if (identity === undefined || request === undefined) throw new Error("a call passed no gate");
  return {
    identity,
    headers: context.requestHeader,
    responseHeaders: context.responseHeader,
    peer: peerOf(request),
    signal: context.signal,
    timeoutMs: () => context.timeoutMs(),
    cut: () => cutRequest(request),
  };
}

/** Address of the caller, for services that are asked before any policy of ours. */
export function addressOfCall({ values }: Pick<HandlerContext, "values">): string {
  const request = values.get(REQUEST);
  return request === undefined ? "" : addressOf(request);
}

/** Ends a call whose reader does not read: there is no way left to tell it why. */
export function cutRequest(req: NodeRequest): void {
  if ("stream" in req) req.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  else req.socket.destroy();
}
