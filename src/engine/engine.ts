import type { Logger } from "pino";
import type { Limits } from "../core/limits.ts";
import type { Store } from "../store/store.ts";
import type { Agents } from "./agents.ts";
import type { Journals } from "./journals.ts";
import type { Logs } from "./logs.ts";
import type { Runs } from "./runs.ts";
import type { Tasks } from "./tasks.ts";
import type { Templates } from "./templates.ts";

/** Everything Ops-Core does, over one store. Doors translate to it; none of it knows a wire. */
export interface Engine {
  readonly agents: Agents;
  readonly templates: Templates;
  readonly runs: Runs;
  readonly tasks: Tasks;
  readonly logs: Logs;
  readonly journals: Journals;
  readonly limits: Limits;
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
