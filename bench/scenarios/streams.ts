import { create, toBinary } from "@bufbuild/protobuf";
import { TailLogsRequestSchema } from "../../gen/opscore/v1/logging_pb.ts";
import { interleaved, memoryOf, type Sample } from "../measure.ts";
import type { Plan, Scenario } from "../plan.ts";
import { rowOf } from "../report.ts";
import { startTarget, type Target } from "../target.ts";
import { openWire } from "../wire.ts";

const PER_CONNECTION = 100;
const CONNECTIONS = 20;
const KIB = 1024;
const TAIL = toBinary(TailLogsRequestSchema, create(TailLogsRequestSchema));

/** What a tail costs that nothing is sent on, after the garbage of opening it is collected. */
export const streams: Scenario = {
  title: `Idle TailLogs streams, ${PER_CONNECTION} per connection`,

  async run(plan) {
    const connections = plan.once ? 1 : CONNECTIONS;
    const { tails, bare } = await interleaved(
      { ...plan, warmUps: 0 },
      {
        tails: () => measure(plan, connections, ({ url }) => `${url}/opscore.v1.LoggingService`),
        bare: () => measure(plan, connections, ({ bareUrl }) => `${bareUrl}/bench.EchoService`),
      },
    );
    const unit = "KiB";
    const of = { what: "bare stream", samples: bare };
    return [
      rowOf(tails, {
        what: `PSS per tail, ${connections * PER_CONNECTION} open`,
        unit,
        figure: "kib",
        of,
      }),
      rowOf(bare, { what: "PSS per bare stream", unit, figure: "kib" }),
    ];
  },
};

async function measure(
  { profileFolder }: Plan,
  connections: number,
  serviceOf: (target: Target) => string,
): Promise<Sample> {
  await using target = await startTarget(profileFolder === undefined ? {} : { profileFolder });
  using wires = new DisposableStack();
  const service = new URL(serviceOf(target));
  const settled = async (): Promise<number> => {
    await target.collectGarbage();
    return memoryOf(target.pid).pss;
  };
  const open = async (streams: number): Promise<void> => {
    const wire = wires.use(openWire(service.origin));
    const opened = Array.from({ length: streams }, () =>
      wire.open(`${service.pathname}/TailLogs`, TAIL, () => undefined),
    );
    await Promise.all(opened);
  };
  await open(1); // The code of a stream is loaded by the first.
  const before = await settled();
  for (let i = 0; i < connections; i++) await open(PER_CONNECTION);
  const after = await settled();
  return { kib: (after - before) / KIB / (connections * PER_CONNECTION) };
}
