import type { Json } from "../core/json.ts";
import type { Run } from "../core/run.ts";
import type { Task } from "../core/task.ts";
import type { HeldTask, Page, PageOptions } from "./agents.ts";
import type { Answer, Caller } from "./caller.ts";

/** A run as it is read. */
export interface RunRecord {
  readonly run: Run;
  readonly revision: number;
}

/** A run with its payloads, for full views. */
export interface RunDetails extends RunRecord {
  readonly input?: Json;
  readonly output?: Json;
  /** By step path; only steps that have one. */
  readonly outputs: ReadonlyMap<string, Json>;
  /** Its open tasks, by step path: who works on what now. */
  readonly openTasks: ReadonlyMap<string, Task>;
}

export interface TaskRecord {
  readonly task: Task;
  /** The present end of its lease, as heartbeats moved it. */
  readonly leaseUntilMs?: number;
  /** What its holder last said about it. */
  readonly progress?: HeldTask;
  readonly output?: Json;
}

export interface StartRun {
  readonly runId?: string;
  readonly templateId: string;
  readonly version?: string;
  readonly input?: Json;
  readonly labels: Readonly<Record<string, string>>;
  readonly ifExists: "fail" | "return";
  /** Absent: the template's. */
  readonly priority?: number;
  /** Absent: a new trace. */
  readonly traceparent?: string;
}

/** Which runs a command is for. */
export type RunTarget =
  | { readonly ids: readonly string[] }
  | {
      readonly filter: NonNullable<PageOptions["filter"]>;
      readonly after?: NonNullable<PageOptions["after"]>;
    };

export interface BulkResult {
  readonly matched: number;
  readonly changed: readonly string[];
  /** `reason` is the code of the refusal. */
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
  readonly next?: { readonly id: string; readonly createdMs: number };
}

export interface Runs {
  /**
   * `watchFrom` is the head of the journal from before the commit, in decimal.
   * @throws {Refused} `not_found` (template), `run_exists`, `too_large`.
   */
  start(
    caller: Caller,
    start: StartRun,
  ): Promise<
    Answer<{ readonly record: RunRecord; readonly created: boolean; readonly watchFrom: string }>
  >;
  /** @throws {Refused} `not_found`. */
  get(ns: string, runId: string): Promise<RunRecord>;
  details(ns: string, runId: string): Promise<RunDetails>;
  /** Returns as soon as the run ended, or its revision passed `afterRevision`, or `signal` aborted. Never throws the abort. */
  wait(
    ns: string,
    runId: string,
    until: { readonly ended: true } | { readonly afterRevision: number },
    signal: AbortSignal,
  ): Promise<void>;
  list(
    ns: string,
    options: PageOptions & { readonly oldestFirst: boolean },
  ): Promise<Page<RunRecord>>;
  /**
   * Each atomically; at most 1,000 a call. `expectedRevision` goes with one id.
   * @throws {Refused} `revision_mismatch`.
   */
  cancel(
    caller: Caller,
    target: RunTarget,
    graceMs: number,
    expectedRevision?: number,
  ): Promise<Answer<BulkResult>>;
  /** @throws {Refused} `not_found`. */
  task(ns: string, taskId: string): Promise<TaskRecord>;
  /** Newest first, without payloads. */
  tasks(ns: string, options: PageOptions): Promise<Page<TaskRecord>>;
}
