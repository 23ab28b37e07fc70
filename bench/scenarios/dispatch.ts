import { setTimeout as delay } from "node:timers/promises";
import { createOpsClient } from "../../src/client/index.ts";
import { registerAgents, reportsOf } from "../agents.ts";
import { interleaved, percentile, type Sample } from "../measure.ts";
import type { Scenario } from "../plan.ts";
import { openRawSqlite } from "../raw-sqlite.ts";
import { rowOf } from "../report.ts";
import { startTarget } from "../target.ts";
import { openWire } from "../wire.ts";
import { CAPABILITY, publishSteps, startWorker } from "../worker.ts";

const PER_SECOND = 20;

/** How long after its start a task is with an agent that waits for it. */
export const dispatch: Scenario = {
  title: `Hand-out at ${PER_SECOND} tasks/s, from StartRun to the assignment`,

  async run(plan) {
    const { ms } = plan;
    await using target = await startTarget(plan);
    await using raw = openRawSqlite();
    const ops = createOpsClient(target);
    const templateId = await publishSteps(ops, ["only"]);
    const spec = { slots: 100, capabilities: [{ name: CAPABILITY }] };
    const [session] = await registerAgents(ops, 1, spec);
    if (session === undefined) throw new Error("no session");
    const waiting = new Map<string, () => void>();
    using worker = startWorker(ops, session, "only", {
      onAssigned: (tasks) => {
        for (const { runId } of tasks) waiting.get(runId)?.();
      },
    });
    using wire = openWire(target.url);
    const [report = new Uint8Array()] = reportsOf(session);
    let started = 0;

    const got = await interleaved(plan, {
      assigned: () =>
        paced(ms, async () => {
          const runId = `run-${started++}`;
          const { promise, resolve } = Promise.withResolvers<void>();
          waiting.set(runId, resolve);
          const start = ops.workflow.startRun({ templateId, runId });
          await Promise.race([worker.broken, promise, start.then(() => promise)]);
          waiting.delete(runId);
        }),
      echo: () => paced(ms, () => wire.unary("/bench.EchoService/ReportState", report)),
      raw: () => paced(ms, () => raw.commit(1)),
    });
    const unit = "ms";
    return [
      rowOf(got.assigned, {
        what: "assigned, p50",
        unit,
        figure: "p50",
        of: { what: "raw SQLite commit", samples: got.raw },
        aim: { of: "value", max: 10 },
      }),
      rowOf(got.assigned, { what: "assigned, p99", unit, figure: "p99" }),
      rowOf(got.echo, { what: "wrapped echo, p50", unit, figure: "p50" }),
      rowOf(got.echo, { what: "wrapped echo, p99", unit, figure: "p99" }),
      rowOf(got.raw, { what: "raw SQLite commit, p50", unit, figure: "p50" }),
      rowOf(got.raw, { what: "raw SQLite commit, p99", unit, figure: "p99" }),
    ];
  },
};

/** Does something at a steady pace, however long each takes. */
async function paced(ms: number, step: () => Promise<unknown>): Promise<Sample> {
  const tookMs: number[] = [];
  const running: Promise<void>[] = [];
  const startMs = performance.now();
  const count = Math.max(1, Math.round((ms / 1_000) * PER_SECOND));
  for (let i = 0; i < count; i++) {
    await delay(Math.max(0, startMs + (i * 1_000) / PER_SECOND - performance.now()));
    running.push(timeOf(step).then((took) => void tookMs.push(took)));
  }
  await Promise.all(running);
  return { p50: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99) };
}

async function timeOf(step: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await step();
  return performance.now() - startMs;
}
