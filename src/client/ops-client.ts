import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { LifecycleService } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LoggingService } from "../../gen/opscore/v1/logging_pb.ts";
import { TaskService } from "../../gen/opscore/v1/task_pb.ts";
import { WorkflowService } from "../../gen/opscore/v1/workflow_pb.ts";
import { createOpsTransport, type ServerAddress } from "./transport.ts";

/** One client for each service of a server. */
export interface OpsClient {
  readonly lifecycle: Client<typeof LifecycleService>;
  readonly workflow: Client<typeof WorkflowService>;
  readonly task: Client<typeof TaskService>;
  readonly logging: Client<typeof LoggingService>;
}

/** Where the server is, who calls, and how. */
export interface OpsClientOptions extends ServerAddress {
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
