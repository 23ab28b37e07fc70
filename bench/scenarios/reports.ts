import { createOpsClient } from "../../src/client/index.ts";
import { batchesOf, registerAgents, reportsOf } from "../agents.ts";
import { interleaved, repeat, timed } from "../measure.ts";
import type { Scenario } from "../plan.ts";
import { openRawSqlite } from "../raw-sqlite.ts";
import { rowOf } from "../report.ts";
import { openStoreCommits } from "../store-commits.ts";
import { startTarget } from "../target.ts";
import { openWire, type Wire } from "../wire.ts";

const CALLERS = 64;
const CONNECTIONS = 4;
const BATCH = 64;
const BATCHES = 4;
const LIFECYCLE = "/opscore.v1.LifecycleService";
const ECHO = "/bench.EchoService";

/** Durable changes of state: what they cost above the call, and below it. */
export const reports: Scenario = {
  title: `Changes of state: ${CALLERS} callers; batches of ${BATCH}, ${BATCHES} at a time`,

  async run(plan) {
    const { ms } = plan;
    await using target = await startTarget(plan);
    await using raw = openRawSqlite();
    await using store = await openStoreCommits();
    const sessions = await registerAgents(createOpsClient(target), BATCH * BATCHES);
    const single = sessions.slice(0, CALLERS).map(reportsOf);
    const batches = Array.from({ length: BATCHES }, (_, i) =>
      batchesOf(sessions.slice(i * BATCH, (i + 1) * BATCH)),
    );
    using wires = openWires(target.url);
    using bareWires = openWires(target.bareUrl);

    const call = (to: Wires, path: string, bodies: readonly (readonly Uint8Array[])[], items = 1) =>
      timed(target, () =>
        repeat(bodies.length, ms, async (caller, turn) => {
          const body = bodies[caller]?.[turn % 2] ?? new Uint8Array();
          await to.of(caller).unary(path, body);
          return items;
        }),
      );
    const commits = (inFlight: number) =>
      timed(undefined, () =>
        repeat(inFlight, ms, async (agent) => {
          await store.commit(agent);
          return 1;
        }),
      );
    const rows = (count: number) =>
      timed(undefined, () =>
        repeat(1, ms, async () => {
          await raw.commit(count);
          return count;
        }),
      );

    const all = BATCH * BATCHES;
    const got = await interleaved(plan, {
      unary: () => call(wires, `${LIFECYCLE}/ReportState`, single),
      echo: () => call(wires, `${ECHO}/ReportState`, single),
      bare: () => call(bareWires, `${ECHO}/ReportState`, single),
      commits: () => commits(CALLERS),
      raw: () => rows(CALLERS),
      batched: () => call(wires, `${LIFECYCLE}/ReportAgents`, batches, BATCH),
      batchedEcho: () => call(wires, `${ECHO}/ReportAgents`, batches, BATCH),
      batchedCommits: () => commits(all),
      batchedRaw: () => rows(all),
    });
    const unit = "/s";
    const to = (what: string, samples: (typeof got)[keyof typeof got]) => ({
      of: { what, samples },
    });
    const aim = (min: number) => ({ aim: { of: "ratio", min } as const });
    const half = aim(0.5);
    return [
      rowOf(got.unary, { what: "ReportState", unit, ...to("wrapped echo", got.echo), ...aim(0.7) }),
      rowOf(got.echo, { what: "wrapped echo", unit, ...to("bare echo", got.bare) }),
      rowOf(got.bare, { what: "bare echo", unit }),
      rowOf(got.commits, { what: "store commits", unit, ...to("raw SQLite", got.raw), ...half }),
      rowOf(got.raw, { what: `raw SQLite, ${CALLERS} rows`, unit }),
      rowOf(got.batched, { what: "ReportAgents", unit, ...to("wrapped echo", got.batchedEcho) }),
      rowOf(got.batchedEcho, { what: "wrapped echo, batched", unit }),
      rowOf(got.batchedCommits, {
        what: `store commits, ${all} at a time`,
        unit,
        ...to("raw SQLite", got.batchedRaw),
        ...half,
      }),
      rowOf(got.batchedRaw, { what: `raw SQLite, ${all} rows`, unit }),
    ];
  },
};

interface Wires extends Disposable {
  of(caller: number): Wire;
}

function openWires(url: string): Wires {
  const wires = Array.from({ length: CONNECTIONS }, () => openWire(url));
  return {
    of: (caller) => wires[caller % CONNECTIONS] as Wire,
    [Symbol.dispose]() {
      for (const wire of wires) wire[Symbol.dispose]();
    },
  };
}
