import type { Logger } from "pino";
import type { Limits } from "../core/limits.ts";
import type { Store } from "../store/store.ts";
import { createAdvance } from "./advance.ts";
import { createAgentReads } from "./agent-reads.ts";
import { createRegistry } from "./agent-registry.ts";
import type { Agents } from "./agents.ts";
import { Alarm } from "./alarm.ts";
import { createBeats } from "./beats.ts";
import { createChanges } from "./changes.ts";
import { dispatch } from "./dispatch.ts";
import { createDueHandler } from "./due.ts";
import { createHandOut } from "./hand-out.ts";
import { createJournals } from "./journal-reads.ts";
import type { Journals } from "./journals.ts";
import { watchLeases } from "./lease-watch.ts";
import { Lines } from "./lines.ts";
import { createLogs } from "./log-writes.ts";
import type { Logs } from "./logs.ts";
import { createReports } from "./reports.ts";
import { retain } from "./retention.ts";
import { createRunReads } from "./run-reads.ts";
import { createRunCommands } from "./run-starts.ts";
import type { Runs } from "./runs.ts";
import { createSessions } from "./sessions.ts";
import type { Tasks } from "./tasks.ts";
import { createTemplates } from "./template-store.ts";
import type { Templates } from "./templates.ts";
import { tick } from "./ticker.ts";
import { createWork } from "./work.ts";

/** Everything Ops-Core does, over one store. Doors translate to it; none of it knows a wire. */
export interface Engine {
  readonly agents: Agents;
  readonly templates: Templates;
  readonly runs: Runs;
  readonly tasks: Tasks;
  readonly logs: Logs;
  readonly journals: Journals;
  readonly limits: Limits;
  /** `degraded`: the store has no room, so reads go on and writes are refused. */
  health(): "ok" | "degraded";
  /** Starts what works by itself: the ticker and the hand-out. */
  start(): void;
  /** Stops it; nothing is lost, another process or the next start goes on. */
  stop(): Promise<void>;
}

export interface EngineOptions {
  readonly store: Store;
  readonly limits: Limits;
  readonly logger: Logger;
  /** Names this process in reservations. */
  readonly replicaId: string;
}

export function createEngine({ store, limits, logger, replicaId }: EngineOptions): Engine {
  const alarm = new Alarm();
  const lines = new Lines();
  let isFull = false;
  const changes = createChanges(store, limits.reply_ttl_ms, (commit, outcome) => {
    isFull = outcome === "full";
    if (!isFull) alarm.hear(commit);
  });
  const beats = createBeats(store);
  const templates = createTemplates(store, changes, limits);
  const planOf = (ns: string, run: { templateId: string; templateVersion: string }) =>
    templates.plan(ns, run.templateId, run.templateVersion);
  const advance = createAdvance({ limits, planOf });
  const agentReads = createAgentReads(store, limits);
  const slotsMax = limits.slots;
  const agents: Agents = {
    ...agentReads,
    ...createRegistry({ store, changes, slotsMax }),
    ...createSessions({ store, changes, beats, reads: agentReads, slotsMax }),
  };
  const handOut = createHandOut({ advance, lines, limits });
  const runReads = createRunReads(store, beats, limits);
  const runs = {
    ...runReads,
    ...createRunCommands({ store, changes, advance, handOut, templates, reads: runReads, limits }),
  };
  const tasks = {
    report: createReports({ changes, advance, handOut, beats }),
    ...createWork({ store, changes, advance, agents, lines, beats, limits }),
  };
  const handle = createDueHandler({ store, changes, advance, beats, limits });
  const stopping = new AbortController();
  let working: Promise<unknown> = Promise.resolve();

  return {
    agents,
    templates,
    runs,
    tasks,
    logs: createLogs(store, limits),
    journals: createJournals(store, limits),
    limits,
    health: () => (isFull ? "degraded" : "ok"),

    start() {
      const { signal } = stopping;
      const deps = { store, changes, advance, lines, alarm, limits, logger, replicaId };
      working = Promise.allSettled([
        dispatch(deps, signal),
        watchLeases(store, lines, logger, signal),
        tick({ store, limits, logger, replicaId, alarm, handle }, signal),
        retain(store, limits, logger, signal),
      ]);
    },

    async stop() {
      stopping.abort();
      await working;
    },
  };
}
