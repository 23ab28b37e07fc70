import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { OpsClient } from "../client/index.ts";
import type { Settings } from "./settings.ts";

/** A unary call without --timeout ends after this; the longest wait of the contract is 30 s. */
const UNARY_MS = 60_000;
const NO_SIDE_EFFECTS = 1;

/** The way to the server. */
export interface Connection {
  readonly ops: OpsClient;
  /** For calls of methods that are known by name only. */
  readonly transport: Transport;
}

export interface ConnectOptions {
  /** Ends every call. */
  readonly signal: AbortSignal;
  /** Sees every unary call before it is made; may throw to stop it. */
  readonly before: (method: DescMethodUnary, input: Readonly<Record<string, unknown>>) => void;
  /** Hears of every call that was answered. */
  readonly after: (method: string, tookMs: number) => void;
}

export async function connect(
  { server, namespace, token }: Settings,
  options: ConnectOptions,
): Promise<Connection> {
  const { createOpsClient, createOpsTransport } = await import("../client/index.ts");
  const to = createOpsTransport({
    url: server,
    namespace,
    ...(token !== undefined && { apiKey: token }),
  });
  const transport = bounded(to, options);
  return { ops: createOpsClient({ url: server, transport }), transport };
}

/** True for methods that only read. */
export function isRead(method: DescMethodUnary): boolean {
  return method.idempotency === NO_SIDE_EFFECTS;
}

/** The same transport, whose calls end with the command. */
function bounded(to: Transport, { signal, before, after }: ConnectOptions): Transport {
  const either = (own: AbortSignal | undefined) =>
    own === undefined ? signal : AbortSignal.any([signal, own]);
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
      after(method.name, performance.now() - startedMs);
      return answer;
    },
    async stream(method, own, timeoutMs, header, input) {
      return await to.stream(method, either(own), timeoutMs, header, input);
    },
  };
}
