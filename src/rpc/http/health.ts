import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import {
  Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from "../../../gen/grpc/health/v1/health_pb.ts";
import { Refused } from "../../core/errors.ts";
import { toConnectError } from "../errors.ts";
import type { InFlight } from "../in-flight.ts";
import { pause } from "../pause.ts";
import { addressOfCall } from "./connect-door.ts";

/** How often a watch of health looks. */
const LOOK_MS = 500;

export interface Readiness {
  readonly status: "ok" | "degraded" | "unavailable";
  readonly why?: string;
}

export interface HealthOptions {
  readonly services: readonly string[];
  readonly readiness: () => Readiness;
  readonly inFlight: InFlight;
  readonly draining: AbortSignal;
}

/** grpc.health.v1: for "" and for each service. Hand-written: no package does it for Connect. */
export function registerHealth(
  router: ConnectRouter,
  { services, readiness, inFlight, draining }: HealthOptions,
): void {
  const known = new Set(["", ...services]);
  const serving = () =>
    readiness().status === "unavailable" ? Status.NOT_SERVING : Status.SERVING;

  router.service(Health, {
    check({ service }) {
      if (!known.has(service)) throw new ConnectError(`no service ${service}`, Code.NotFound);
      return { status: serving() };
    },
    list: () => ({
      statuses: Object.fromEntries(
        [...known].map((name) => [name, create(HealthCheckResponseSchema, { status: serving() })]),
      ),
    }),
    watch: (request, context) => watch(request, context),
  });

  async function* watch(
    { service }: HealthCheckRequest,
    context: HandlerContext,
  ): AsyncGenerator<HealthCheckResponse> {
    // No key is asked for here, so an address stands for the principal.
    using _slot = streamOf(addressOfCall(context));
    const { signal } = context;
    let last: Status | undefined;
    const either = AbortSignal.any([signal, draining]);
    for (;;) {
      const status = known.has(service) ? serving() : Status.SERVICE_UNKNOWN;
      if (status !== last) yield create(HealthCheckResponseSchema, { status });
      last = status;
      if (draining.aborted) throw new ConnectError("shutting down", Code.Unavailable);
      await pause(LOOK_MS, either).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  function streamOf(address: string): Disposable {
    try {
      return inFlight.stream(address);
    } catch (error) {
      throw error instanceof Refused ? toConnectError(error.refusal) : error;
    }
  }
}
