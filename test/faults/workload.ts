import { hash } from "node:crypto";
import { CALLER, NS, openEngine, workStep } from "../engine/rig.ts";

const DAY_MS = 86_400_000;
const AGENTS = 3;
const RUNS = 4;
const ROWS = 30;

/** Fills a folder with what a small fleet leaves behind: some of everything that a store keeps. */
export async function writeStore(folder: string): Promise<void> {
  await using rig = await openEngine({ lease_ms: 60_000 }, folder);
  const { engine, store } = rig;
  const agents = [];
  for (let n = 0; n < AGENTS; n++) {
    agents.push(await rig.agent(`agent-${n}`, { labels: { zone: `z${n}` } }, 60_000));
  }
  for (let n = 0; n < RUNS; n++) {
    const runId = await rig.run([workStep("one"), workStep("two")], { number: n });
    const reply = { body: JSON.stringify({ runId }), ttlMs: DAY_MS * 10 };
    const requestHash = hash("sha256", String(n), "buffer");
    await store.commit({ reply: { ns: NS, key: `start-${n}`, requestHash, ...reply } });
    const assignment = await agents[n % AGENTS]?.take(true);
    // The last one stays as it is: work, leases and timers in flight.
    if (assignment === undefined || n === RUNS - 1) continue;
    const { taskId, leaseEpoch } = assignment.task;
    const report = { type: "complete", output: { made: "x".repeat(50) } } as const;
    await engine.tasks.report(CALLER, undefined, { taskId, leaseEpoch, report });
  }
  for (const day of [0, 1]) {
    rig.advance(day * DAY_MS);
    const rows = Array.from({ length: ROWS }, (_, n) => ({
      ...({ kind: "operation", operation: "tool.call", severity: 9 } as const),
      message: `row ${n} of day ${day}`,
      agentId: `agent-${n % AGENTS}`,
      attributes: { n },
    }));
    const producer = { id: "fleet", firstSeq: 1 + day * ROWS };
    await engine.logs.append(CALLER, { producer, rows, acknowledge: "committed" });
  }
  await store.trim("runs", 5n);
  await store.trim("logs", 3n);
}
