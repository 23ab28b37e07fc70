import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import {
  create,
  createFileRegistry,
  type DescFile,
  type DescService,
  type MessageShape,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  AgentState,
  file_opscore_v1_lifecycle,
  LifecycleService,
  Liveness,
  type ReportAgentsRequestSchema,
  type ReportStateRequestSchema,
} from "../gen/opscore/v1/lifecycle_pb.ts";
import {
  file_opscore_v1_logging,
  LoggingService,
  TailLogsResponseSchema,
} from "../gen/opscore/v1/logging_pb.ts";
import type { Service } from "../src/rpc/http/services.ts";

/** Methods of the contract that are measured, and answered here from nothing. */
const METHODS = [
  LifecycleService.method.reportState,
  LifecycleService.method.reportAgents,
  LoggingService.method.tailLogs,
];

/**
 * The same messages, rules and policies as the methods that are measured, under
 * another name: what a call costs when nothing has to be remembered.
 */
export const EchoService: DescService = describeEcho();

const handlers = {
  async reportState({ report }: MessageShape<typeof ReportStateRequestSchema>) {
    return { revision: 1, state: report?.state ?? AgentState.IDLE, liveness: Liveness.LIVE };
  },

  async reportAgents({ reports }: MessageShape<typeof ReportAgentsRequestSchema>) {
    const value = { revision: 1 };
    return { results: reports.map(() => ({ result: { case: "receipt" as const, value } })) };
  },

  /** Opens, and says nothing more. */
  async *tailLogs(_: unknown, { signal }: { readonly signal: AbortSignal }) {
    yield create(TailLogsResponseSchema, { cursor: "0" });
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  },
};

/** Behind the wrapper, the gate and the validation of the server. */
export function wrappedEcho(): Service {
  return { service: EchoService, handlers: handlers as never };
}

/** Behind nothing but the adapter of connect-node, on a port of its own. */
export async function listenBare(): Promise<string> {
  const adapter = connectNodeAdapter({
    routes: (router) => router.service(EchoService, handlers as never),
  });
  const server = createServer({ settings: { maxConcurrentStreams: 250 } }, adapter);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function describeEcho(): DescService {
  const files = [file_opscore_v1_lifecycle, file_opscore_v1_logging];
  const file = create(FileDescriptorProtoSchema, {
    name: "echo.proto",
    package: "bench",
    syntax: "proto3",
    dependency: files.map(({ proto }) => proto.name),
    service: [{ name: "EchoService", method: METHODS.map(({ proto }) => proto) }],
  });
  const known = new Map<string, DescFile>();
  for (const one of files) remember(known, one);
  const service = createFileRegistry(file, (name) => known.get(name)).getService(
    "bench.EchoService",
  );
  if (service === undefined) throw new Error("the echo service is not in its file");
  return service;
}

function remember(known: Map<string, DescFile>, file: DescFile): void {
  known.set(file.proto.name, file);
  for (const dependency of file.dependencies) remember(known, dependency);
}
