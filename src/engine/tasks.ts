import type { Json } from "../core/json.ts";
import type { Disposition, Task, TaskState } from "../core/task.ts";
import type { Failure } from "../core/template-types.ts";
import type { Directive, HeldTask } from "./agents.ts";
import type { Caller } from "./caller.ts";

/** A report about one task, keyed by (task, lease epoch): no request id is needed. */
export interface TaskReport {
  readonly taskId: string;
  readonly leaseEpoch: number;
  readonly report:
    | { readonly type: "ack" }
    | { readonly type: "complete"; readonly output?: Json }
    | { readonly type: "fail"; readonly failure: Failure }
    | { readonly type: "release"; readonly notBeforeMs: number; readonly reason: string };
}

export interface TaskReceipt {
  readonly disposition: Disposition;
  readonly state: TaskState;
  readonly leaseUntilMs?: number;
  /** The agent should stop. */
  readonly cancelRequested: boolean;
}

/** A task as its agent gets it. */
export interface Assignment {
  readonly task: Task;
  readonly leaseUntilMs: number;
  readonly deadlineMs: number;
  /** The failure of the attempt before. */
  readonly lastFailure?: Failure;
}

export interface WorkOptions {
  readonly sessionId: string;
  readonly epoch: number;
  /** Tasks it takes at most at the same time; absent: its slots. */
  readonly window?: number;
  /** Acknowledge at the hand-out. */
  readonly autoAck: boolean;
}

/** What an assignment stream says. After `moved` it ends. */
export type WorkEvent =
  | { readonly type: "assignments"; readonly assignments: readonly Assignment[] }
  | { readonly type: "directives"; readonly directives: readonly Directive[] }
  | { readonly type: "idle" }
  | { readonly type: "moved"; readonly cause: "replaced" | "max_age" };

/** One agent's open line: pull to be handed work. Nothing is handed out while nobody pulls. */
export interface WorkStream {
  readonly events: AsyncIterable<WorkEvent>;
  setWindow(tasks: number): void;
}

export interface Tasks {
  /** @throws {Refused} `not_found`, `lease_lost`, `outcome_recorded`, `identity_mismatch`, `too_large`. */
  report(caller: Caller, agentId: string | undefined, report: TaskReport): Promise<TaskReceipt>;
  /**
   * Hands out up to `maxTasks`; looks at least once, then waits for the first until `signal` aborts, then answers with none.
   * Counts as a beat, every second while it waits. Throws the reason of `gone` once nobody hears
   * the answer: what was handed out goes back.
   */
  poll(
    caller: Caller,
    options: Omit<WorkOptions, "window"> & {
      readonly maxTasks: number;
      /** Every task it holds: their leases are renewed. */
      readonly held: readonly HeldTask[];
    },
    signal: AbortSignal,
    gone?: AbortSignal,
  ): Promise<{
    readonly assignments: readonly Assignment[];
    readonly directives: readonly Directive[];
    /** End of the session's lease, as the wait moved it. */
    readonly leaseUntilMs: number;
  }>;
  /** Opens the session's one assignment stream; an older one ends as replaced. */
  work(caller: Caller, options: WorkOptions, signal: AbortSignal): Promise<WorkStream>;
}
