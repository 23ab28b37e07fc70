import { createOpsClient, type OpsClient } from "../../src/client/index.ts";
import { registerAgents } from "../agents.ts";
import { interleaved, timed } from "../measure.ts";
import type { Scenario } from "../plan.ts";
import { rowOf } from "../report.ts";
import { startTarget } from "../target.ts";
import { CAPABILITY, publishSteps, startWorker } from "../worker.ts";

const STEPS = ["a", "b", "c"];
const OUTSTANDING = 64;

/** Runs of three steps, from the start to the durable end, by one agent over WorkTasks. */
export const runs: Scenario = {
  title: `Runs of ${STEPS.length} steps, ${OUTSTANDING} outstanding`,

  async run(plan) {
    const { ms } = plan;
    await using target = await startTarget(plan);
    const setUp = createOpsClient(target);
    const templateId = await publishSteps(setUp, STEPS);
    const spec = { slots: 2 * OUTSTANDING, capabilities: [{ name: CAPABILITY }] };
    const [session] = await registerAgents(setUp, 1, spec);
    if (session === undefined) throw new Error("no session");

    const measure = (start: Start) =>
      timed(target, async () => {
        const ops = createOpsClient(target);
        const ended = new Ended();
        using worker = startWorker(ops, session, STEPS.at(-1) ?? "", {
          onEnded: (ids) => ended.add(ids.length),
        });
        const endMs = performance.now() + ms;
        let started = 0;
        const more = async (count: number): Promise<void> => {
          started += count;
          await start(ops, templateId, count);
        };
        await Promise.race([worker.broken, more(OUTSTANDING)]);
        while (ended.total < started) {
          const count = await Promise.race([worker.broken, ended.take()]);
          if (performance.now() < endMs) await more(count);
        }
        return started;
      });

    const { unary, batched } = await interleaved(plan, {
      unary: () => measure(startEach),
      batched: () => measure(startTogether),
    });
    return [
      rowOf(unary, { what: "StartRun", unit: "runs/s" }),
      rowOf(batched, {
        what: "StartRuns",
        unit: "runs/s",
        of: { what: "StartRun", samples: unary },
        aim: { of: "cpu", max: 1 },
      }),
    ];
  },
};

type Start = (ops: OpsClient, templateId: string, count: number) => Promise<void>;

const startEach: Start = async ({ workflow }, templateId, count) => {
  await Promise.all(Array.from({ length: count }, () => workflow.startRun({ templateId })));
};

const startTogether: Start = async ({ workflow }, templateId, count) => {
  const { results } = await workflow.startRuns({
    runs: Array.from({ length: count }, () => ({ templateId })),
  });
  if (results.some(({ result }) => result.case !== "receipt"))
    throw new Error("a start was refused");
};

/** Counts what ended; who takes gets all that ended since. */
class Ended {
  total = 0;
  #taken = 0;
  #ring: () => void = () => undefined;

  add(count: number): void {
    this.total += count;
    this.#ring();
  }

  async take(): Promise<number> {
    while (this.total === this.#taken) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#ring = resolve;
      await promise;
    }
    const count = this.total - this.#taken;
    this.#taken = this.total;
    return count;
  }
}
