import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import {
  Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from "../../../gen/grpc/health/v1/health_pb.ts";
import { pause } from "../pause.ts";

/** How often a watch of health looks. */
const LOOK_MS = 500;

export interface Readiness {
  readonly status: "ok" | "degraded" | "unavailable";
  readonly why?: string;
}

/** grpc.health.v1: for "" and for each service. Hand-written: no package does it for Connect. */
export function registerHealth(
  router: ConnectRouter,
  services: readonly string[],
  readiness: () => Readiness,
  draining: AbortSignal,
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
    { signal }: HandlerContext,
  ): AsyncGenerator<HealthCheckResponse> {
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
}
