import type { ConnectRouter } from "@connectrpc/connect";
import type { Logger } from "pino";
import { Health } from "../../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Refused } from "../../core/errors.ts";
import { type Authenticator, holdsScope } from "../auth.ts";
import { cursorAt } from "../cursor.ts";
import { createGate } from "../gate.ts";
import { createInFlight, type InFlight } from "../in-flight.ts";
import { noteFault } from "../wrap.ts";
import { createConnectDoor } from "./connect-door.ts";
import { quietConsole } from "./console.ts";
import { createFacade } from "./facade.ts";
import { createGuard, type GuardOptions } from "./guard.ts";
import { type Readiness, registerHealth } from "./health.ts";
import type { HttpLimits } from "./limits.ts";
import { registerReflection } from "./reflection.ts";
import { answer, type Door, pathOf } from "./request.ts";
import { createPort, type Port, type TlsContext } from "./server.ts";
import { routesOf, type Service } from "./services.ts";

export interface OpsServerOptions {
  readonly services: readonly Service[];
  readonly authenticator: Authenticator;
  readonly hosts: Omit<GuardOptions, "urlBytesMax">;
  readonly limits: HttpLimits;
  readonly tls?: TlsContext;
  readonly reflection: boolean;
  readonly version: string;
  readonly readiness: () => Readiness;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

/** The server on the wire: every protocol on one port. */
export interface OpsServer {
  listen: Port["listen"];
  reload: Port["reload"];
  /** Ends streams with a place to resume, lets calls finish, closes the port. At most `graceMs`. */
  drain(graceMs: number): Promise<void>;
}

export function createOpsServer(options: OpsServerOptions): OpsServer {
  const { limits, version, logger, services, authenticator } = options;
  const stopping = new AbortController();
  quietConsole(logger);
  const gate = createGate({
    authenticator,
    nowMs: options.nowMs,
    callsPerSecond: limits.calls_per_second,
    callsBurst: limits.calls_burst_items,
    batchItemsPerSecond: limits.batch_items_per_second,
    batchItemsBurst: limits.batch_burst_items,
  });
  const isLocal = !authenticator.required;
  const inFlight = createInFlight(
    {
      unary: limits.unary_calls,
      streams: limits.streams,
      // Everybody on a laptop is one principal.
      unaryPerPrincipal: isLocal ? limits.unary_calls : limits.unary_calls_per_principal,
      streamsPerPrincipal: isLocal ? limits.streams : limits.streams_per_principal,
      heldBytes: limits.held_bytes,
      stallMs: limits.stall_ms,
    },
    stopping.signal,
  );
  const draining = stopping.signal;
  const unaryTimeoutMs = limits.unary_ms;
  const requestBytes = limits.request_bytes;
  const deps = { gate, inFlight, logger, draining, version, unaryTimeoutMs, requestBytes };
  const routes = routesOf(services, deps);
  const streamsRequests = new Set(
    [...routes]
      .filter(([, { method }]) => method.methodKind === "bidi_streaming")
      .map(([path]) => path),
  );
  const facade = createFacade({ routes, gate, inFlight, limits, version, cursorAt });
  const connect = createConnectDoor({
    routes,
    gate,
    inFlight,
    limits,
    version,
    more: moreOf(options, inFlight, draining),
    open: openOf(authenticator),
    fault: (error) => noteFault(logger, error),
    fallback: (_, res) => answer(res, 404, "there is nothing here\n"),
  });
  const inner: Door = (req, res) => {
    if (probe(options, draining, pathOf(req), res) || facade(req, res)) return;
    connect(req, res);
  };
  const door = createGuard({ ...options.hosts, urlBytesMax: limits.url_bytes }, inner);
  const port = createPort({
    door,
    limits,
    ...(options.tls && { tls: options.tls }),
    streamsRequests: (path) => streamsRequests.has(path) || path.startsWith("/grpc.reflection."),
  });

  return {
    listen: port.listen,
    reload: port.reload,
    async drain(graceMs) {
      stopping.abort();
      await port.drain(graceMs);
    },
  };
}

/** Standard services beside ours. */
function moreOf(
  options: OpsServerOptions,
  inFlight: InFlight,
  draining: AbortSignal,
): (router: ConnectRouter) => void {
  const own = options.services.map(({ service }) => service);
  const readiness = () => (draining.aborted ? DRAINING : options.readiness());
  return (router) => {
    const names = own.map(({ typeName }) => typeName);
    registerHealth(router, { services: names, readiness, inFlight, draining });
    if (options.reflection) registerReflection(router, [...own, Health]);
  };
}

const DRAINING: Readiness = { status: "unavailable", why: "shutting down" };

/** Health is open to all; reflection needs the admin scope once there are keys. */
function openOf(authenticator: Authenticator) {
  const reflection = [ServerReflection, ServerReflectionAlpha].map(
    ({ typeName }) => `/${typeName}/`,
  );
  return (path: string, headers: Headers, address: string): boolean => {
    if (path.startsWith(`/${Health.typeName}/`)) return true;
    if (!reflection.some((prefix) => path.startsWith(prefix))) return false;
    const principal = authenticator.principal(headers, address);
    if (!holdsScope(principal, "admin"))
      throw new Refused({ code: "scope_missing", scope: "admin" });
    return true;
  };
}

/** `/healthz`: alive. `/readyz`: able to work. Both say so and no more. */
function probe(
  { readiness }: OpsServerOptions,
  draining: AbortSignal,
  path: string,
  res: Parameters<Door>[1],
): boolean {
  if (path === "/healthz") {
    answer(res, 200, "ok\n");
    return true;
  }
  if (path !== "/readyz") return false;
  const { status } = draining.aborted ? DRAINING : readiness();
  answer(res, status === "unavailable" ? 503 : 200, `${status}\n`);
  return true;
}
