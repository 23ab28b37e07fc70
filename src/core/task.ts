import type { Json } from "./json.ts";
import type { AgentSelector, Failure, RetryPolicy, Timeouts, Values } from "./template-types.ts";

/** Where a task is. `assigned`: handed out, not acknowledged; `running`: acknowledged. */
export type TaskState =
  | "queued"
  | "assigned"
  | "running"
  | "retry_wait"
  | "succeeded"
  | "failed"
  | "cancelled";

/** One lease of one agent on a task. */
export interface TaskLease {
  readonly agentId: string;
  readonly sessionId: string;
  readonly sessionEpoch: number;
  /** Unix ms, as of the last commit; heartbeats move the timer without one. */
  readonly untilMs: number;
  /** How long it is renewed for. */
  readonly leaseMs: number;
}

/** Work for an agent: handed out under a lease, attempt by attempt, until it ends. */
export interface Task {
  readonly taskId: string;
  readonly runId: string;
  readonly stepPath: string;
  readonly templateId: string;
  readonly templateVersion: string;
  /** Labels of the run. */
  readonly labels: Readonly<Record<string, string>>;
  /** Stable over attempts: the agent's idempotency key towards its tools. */
  readonly taskKey: string;
  readonly traceparent: string;
  readonly selector: AgentSelector;
  /** Name part of the selector's capability; "" when it asks for none. */
  readonly capability: string;
  /** What `where` and `retry_if` read beside `agent` and `error`, frozen when the task was made. */
  readonly values: Values;
  /** 1 (last) to 9 (first). */
  readonly priority: number;
  readonly input?: Json;
  readonly retry: Required<Omit<RetryPolicy, "retryIf">> & Pick<RetryPolicy, "retryIf">;
  readonly timeouts: Timeouts & { readonly attemptMs: number };
  /** JSON Pointer of the step in the template. */
  readonly pointer: string;

  readonly state: TaskState;
  /** Hand-outs that count, from 1. */
  readonly attempt: number;
  /** Grows with every hand-out, never repeats: what fences reports. 0 before the first. */
  readonly leaseEpoch: number;
  /** Times it was given back without using its attempt. */
  readonly releases: number;
  /** The present holder; the last one stays visible in `agentId`. */
  readonly lease?: TaskLease;
  /**
   * A lease that ended without a report of its holder. Its attempt is not over: until the next
   * hand-out a report still counts.
   */
  readonly lapsed?: TaskLease;
  readonly agentId?: string;
  readonly sessionId?: string;
  readonly failure?: Failure;
  /** The recorded outcome, by which repeated reports are told from different ones. */
  readonly outcome?: { readonly leaseEpoch: number; readonly hash: string };
  /** Set once its run is cancelled: the holder may report until then, without effect. */
  readonly cancel?: { readonly deadlineMs: number; readonly reason: string };
  readonly createdAtMs: number;
  /** When it may be handed out: creation, or the end of a delay. */
  readonly readyAtMs: number;
  /** Start of the present or last attempt. */
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
}

/** What makes a task: everything of it that never changes. */
export type NewTask = Pick<
  Task,
  | "taskId"
  | "runId"
  | "stepPath"
  | "templateId"
  | "templateVersion"
  | "labels"
  | "taskKey"
  | "traceparent"
  | "selector"
  | "capability"
  | "values"
  | "priority"
  | "input"
  | "retry"
  | "timeouts"
  | "pointer"
>;

export type TaskCommand =
  | { readonly type: "queue"; readonly task: NewTask }
  | {
      readonly type: "assign";
      readonly agentId: string;
      readonly sessionId: string;
      readonly sessionEpoch: number;
      readonly leaseMs: number;
      /** How long the offer holds; ignored with `acknowledge`. */
      readonly offerMs: number;
      /** Acknowledged at the hand-out. */
      readonly acknowledge: boolean;
    }
  | { readonly type: "ack"; readonly leaseEpoch: number }
  | { readonly type: "complete"; readonly leaseEpoch: number; readonly hash: string }
  | {
      readonly type: "fail";
      readonly leaseEpoch: number;
      readonly hash: string;
      readonly failure: Failure;
      readonly jitter: number;
    }
  | {
      readonly type: "release";
      readonly leaseEpoch: number;
      readonly hash: string;
      readonly notBeforeMs: number;
      readonly reason: string;
      readonly jitter: number;
    }
  /** The timer of a lease fired: the offer, the lease, the attempt or the step's time is over. */
  | {
      readonly type: "lease_timer";
      readonly leaseEpoch: number;
      readonly noProgress: boolean;
      readonly jitter: number;
    }
  /** The timer of the queue fired: nobody took it in time, or the step's time is over. */
  | { readonly type: "queue_timer" }
  /** Its holder's session ended: the attempt is given back. */
  | {
      readonly type: "session_ended";
      readonly sessionId: string;
      readonly reason: string;
      readonly jitter: number;
    }
  /** Its run needs it no more. Without `graceMs` it ends at once. */
  | { readonly type: "cancel"; readonly graceMs?: number; readonly reason: string }
  | { readonly type: "cancel_timer" };

/** What became of a report that was accepted. */
export type Disposition = "recorded" | "duplicate" | "late";

export type TaskEvent =
  | { readonly type: "queued"; readonly task: NewTask }
  | {
      readonly type: "assigned";
      readonly attempt: number;
      readonly leaseEpoch: number;
      readonly lease: TaskLease;
      readonly acknowledged: boolean;
    }
  | { readonly type: "acknowledged"; readonly untilMs: number }
  | { readonly type: "succeeded"; readonly hash: string }
  /** The attempt failed and another follows not before `readyAtMs`. */
  | {
      readonly type: "retrying";
      readonly failure: Failure;
      readonly readyAtMs: number;
      readonly hash?: string;
      /** Its lease ran out unreported: until the next hand-out a report still counts. */
      readonly lapsed?: true;
    }
  /** Given back: the attempt does not count. */
  | {
      readonly type: "released";
      readonly readyAtMs: number;
      readonly reason: string;
      readonly hash?: string;
    }
  | { readonly type: "failed"; readonly failure: Failure; readonly hash?: string }
  | { readonly type: "cancelling"; readonly deadlineMs: number; readonly reason: string }
  | { readonly type: "cancelled"; readonly reason: string }
  /** A report after the cancellation: noted, without effect on the outcome. */
  | {
      readonly type: "late_report";
      readonly leaseEpoch: number;
      readonly report: "complete" | "fail" | "release";
      readonly hash: string;
      readonly failure?: Failure;
    };

export interface TaskDecision {
  readonly events: readonly TaskEvent[];
  readonly disposition: Disposition;
}
