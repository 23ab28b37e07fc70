import { create, toBinary } from "@bufbuild/protobuf";
import {
  LogDurability,
  LogOperationsRequestSchema,
  Severity,
  TailLogsRequestSchema,
  type TailLogsResponse,
} from "../../gen/opscore/v1/logging_pb.ts";
import { interleaved, type Measured, percentile, repeat, type Sample, timed } from "../measure.ts";
import type { Scenario } from "../plan.ts";
import { type Row, rowOf } from "../report.ts";
import { startTarget, type Target } from "../target.ts";
import { countField, openWire, type Wire } from "../wire.ts";

const PER_CONNECTION = 10;
const BATCH = 50;
/** Batches that the slowest tail may be behind. */
const AHEAD = 4;
const SERVICE = "/opscore.v1.LoggingService";
/** `TailLogsResponse.entries`. */
const ENTRIES: TailLogsResponse extends { entries: unknown } ? 2 : never = 2;

/** Log entries to many tails, as fast as the slowest of them reads. */
export const tails: Scenario = {
  title: `TailLogs, ${PER_CONNECTION} tails per connection`,

  async run(plan) {
    const { ms } = plan;
    await using target = await startTarget(plan);
    const { one, ten, hundred } = await interleaved(plan, {
      one: () => measure(target, 1, ms),
      ten: () => measure(target, 10, ms),
      hundred: () => measure(target, 100, ms),
    });
    const of = { what: "1 tail", samples: one };
    const all = { "1 tail": one, "10 tails": ten, "100 tails": hundred };
    return Object.entries(all).flatMap(([what, samples]): readonly Row[] => {
      return [
        rowOf(samples, { what: `${what}, deliveries`, unit: "/s", ...(samples !== one && { of }) }),
        rowOf(samples.map(delays), { what: `${what}, delay p50`, unit: "ms", figure: "p50" }),
        rowOf(samples.map(delays), { what: `${what}, delay p99`, unit: "ms", figure: "p99" }),
      ];
    });
  },
};

const delays = ({ p50, p99 }: Sample): Sample => ({
  p50: p50 ?? Number.NaN,
  p99: p99 ?? Number.NaN,
});

async function measure(target: Target & Measured, count: number, ms: number): Promise<Sample> {
  using wires = new DisposableStack();
  const producer = wires.use(openWire(target.url));
  const sentAtMs: number[] = [];
  const delaysMs: number[] = [];
  const readers: Reader[] = [];
  let connection: Wire | undefined;
  for (let i = 0; i < count; i++) {
    if (i % PER_CONNECTION === 0) connection = wires.use(openWire(target.url));
    const reader = new Reader((batch) => {
      delaysMs.push(performance.now() - (sentAtMs[batch] ?? Number.NaN));
    });
    await connection?.open(`${SERVICE}/TailLogs`, TAIL, (message) => reader.read(message));
    readers.push(reader);
  }
  const sample = await timed(target, async () => {
    const batches = await repeat(1, ms, async (_, turn) => {
      await Promise.all(readers.map((reader) => reader.reached(turn - AHEAD)));
      sentAtMs.push(performance.now());
      await producer.unary(`${SERVICE}/LogOperations`, LOGS);
      return 1;
    });
    await Promise.all(readers.map((reader) => reader.reached(batches - 1)));
    return batches * BATCH * count;
  });
  return { ...sample, p50: percentile(delaysMs, 0.5), p99: percentile(delaysMs, 0.99) };
}

const TAIL = toBinary(TailLogsRequestSchema, create(TailLogsRequestSchema));
const LOGS = toBinary(
  LogOperationsRequestSchema,
  create(LogOperationsRequestSchema, {
    durability: LogDurability.COMMITTED,
    entries: Array.from({ length: BATCH }, (_, i) => ({
      operation: "tool.call",
      severity: Severity.INFO,
      message: `asked the index for the sources of question ${i}`,
      attributes: { tool: "search", tokens: 1_200 + i },
      agentId: "researcher-1",
      runId: "0198c0de-0000-7000-8000-000000000000",
    })),
  }),
);

/** Counts what one tail was sent, batch by batch. */
class Reader {
  readonly #onBatch: (batch: number) => void;
  #entries = 0;
  #batches = 0;
  #ring: () => void = () => undefined;

  constructor(onBatch: (batch: number) => void) {
    this.#onBatch = onBatch;
  }

  read(message: Uint8Array): void {
    this.#entries += countField(message, ENTRIES);
    while (this.#entries >= (this.#batches + 1) * BATCH) this.#onBatch(this.#batches++);
    this.#ring();
  }

  /** Resolves once a batch, counted from 0, has come whole. */
  async reached(batch: number): Promise<void> {
    while (this.#batches <= batch) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#ring = resolve;
      await promise;
    }
  }
}
