import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { LifecycleService } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LoggingService } from "../../gen/opscore/v1/logging_pb.ts";
import { TaskService } from "../../gen/opscore/v1/task_pb.ts";
import { WorkflowService } from "../../gen/opscore/v1/workflow_pb.ts";

/** One client for each service of a server. */
export interface OpsClient {
  readonly lifecycle: Client<typeof LifecycleService>;
  readonly workflow: Client<typeof WorkflowService>;
  readonly task: Client<typeof TaskService>;
  readonly logging: Client<typeof LoggingService>;
}

/** Where the server is, and who calls. */
export interface OpsClientOptions {
  /** For example `http://127.0.0.1:6772`. */
  readonly url: string;
  /** API key; not needed by a local server. */
  readonly apiKey?: string;
  /** Namespace. Default `default`. */
  readonly namespace?: string;
  /** Another transport, for example gRPC. Default: the Connect protocol over HTTP/2. */
  readonly transport?: Transport;
}

/** Connect clients of all services, over one HTTP/2 connection. */
export function createOpsClient(options: OpsClientOptions): OpsClient {
  const to = options.transport ?? createOpsTransport(options);
  return {
    lifecycle: createClient(LifecycleService, to),
    workflow: createClient(WorkflowService, to),
    task: createClient(TaskService, to),
    logging: createClient(LoggingService, to),
  };
}

/** The transport that `createOpsClient` makes: for calls of methods that are known by name only. */
export function createOpsTransport({
  url,
  apiKey,
  namespace,
}: Omit<OpsClientOptions, "transport">): Transport {
  return createConnectTransport({
    baseUrl: url,
    httpVersion: "2",
    interceptors: [
      (next) => (request) => {
        if (apiKey !== undefined) request.header.set("authorization", `Bearer ${apiKey}`);
        if (namespace !== undefined) request.header.set("opscore-namespace", namespace);
        return next(request);
      },
    ],
  });
}
