import type {
  DescMessage,
  DescMethodUnary,
  DescService,
  MessageInitShape,
} from "@bufbuild/protobuf";
import type { Client, Transport } from "@connectrpc/connect";
import type { LifecycleService } from "../../gen/opscore/v1/lifecycle_pb.ts";
import type { LoggingService } from "../../gen/opscore/v1/logging_pb.ts";
import type { TaskService } from "../../gen/opscore/v1/task_pb.ts";
import type { WorkflowService } from "../../gen/opscore/v1/workflow_pb.ts";
import type { Settings } from "./settings.ts";

/** A unary call without --timeout ends after this; the longest wait of the contract is 30 s. */
const UNARY_MS = 60_000;
const NO_SIDE_EFFECTS = 1;

/** The way to the server. A service's part of the contract is loaded when it is asked for. */
export interface Ops {
  lifecycle(): Promise<Client<typeof LifecycleService>>;
  workflow(): Promise<Client<typeof WorkflowService>>;
  task(): Promise<Client<typeof TaskService>>;
  logging(): Promise<Client<typeof LoggingService>>;
  /** For methods that are known by name only. */
  transport(): Promise<Transport>;
}

type Request = Readonly<Record<string, unknown>>;

export interface ConnectOptions {
  /** Ends every call. */
  readonly signal: () => AbortSignal;
  /** Sees every unary call before it is made; may throw to stop it. */
  readonly before: (method: DescMethodUnary, input: Request) => void;
  /** Hears of every call that was answered. */
  readonly after: (method: DescMethodUnary, tookMs: number) => void;
}

export function createOps(settings: Settings, options: ConnectOptions): Ops {
  let opened: Promise<Transport> | undefined;
  const transport = () => {
    opened ??= open(settings, options);
    return opened;
  };
  return {
    transport,
    lifecycle: async () =>
      client((await import("../../gen/opscore/v1/lifecycle_pb.ts")).LifecycleService),
    workflow: async () =>
      client((await import("../../gen/opscore/v1/workflow_pb.ts")).WorkflowService),
    task: async () => client((await import("../../gen/opscore/v1/task_pb.ts")).TaskService),
    logging: async () =>
      client((await import("../../gen/opscore/v1/logging_pb.ts")).LoggingService),
  };

  async function client<S extends DescService>(service: S): Promise<Client<S>> {
    const { createClient } = await import("@connectrpc/connect");
    return createClient(service, await transport());
  }
}

/** True for methods that only read. */
export function isRead(method: DescMethodUnary): boolean {
  return method.idempotency === NO_SIDE_EFFECTS;
}

async function open(
  { server, namespace, token }: Settings,
  options: ConnectOptions,
): Promise<Transport> {
  const { createOpsTransport } = await import("../client/transport.ts");
  const key = token === undefined ? {} : { apiKey: token };
  return bounded(createOpsTransport({ url: server, namespace, ...key }), options);
}

/** The same transport, whose calls end with the command. */
function bounded(to: Transport, { signal, before, after }: ConnectOptions): Transport {
  const either = (own: AbortSignal | undefined) =>
    own === undefined ? signal() : AbortSignal.any([signal(), own]);
  return {
    async unary<I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      own: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: Headers,
      input: MessageInitShape<I>,
    ) {
      before(method, input);
      const startedMs = performance.now();
      const answer = await to.unary(method, either(own), timeoutMs ?? UNARY_MS, header, input);
      after(method, performance.now() - startedMs);
      return answer;
    },
    async stream(method, own, timeoutMs, header, input) {
      return await to.stream(method, either(own), timeoutMs, header, input);
    },
  };
}
