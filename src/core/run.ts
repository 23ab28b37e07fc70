import type { Json } from "./json.ts";
import type { Disposition, NewTask, TaskState } from "./task.ts";
import type { Failure } from "./template-types.ts";

export type RunState = "running" | "cancelling" | "succeeded" | "failed" | "cancelled";

export type StepState = "pending" | "running" | "succeeded" | "failed" | "skipped" | "cancelled";

/** One run of a template. Input, output and step outputs are entities of their own, kind `step`. */
export interface Run {
  readonly runId: string;
  readonly templateId: string;
  readonly templateVersion: string;
  /** SHA-256 of the template's canonical form, hex: pins it for the life of the run. */
  readonly templateDigest: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly actor: string;
  readonly traceparent: string;
  readonly state: RunState;
  /** By step path: `plan`, or `draft/simple` inside the fallback of `draft`. Absent: pending. */
  readonly steps: Readonly<Record<string, RunStep>>;
  readonly failure?: Failure;
  readonly cancel?: { readonly reason: string; readonly graceMs: number };
  readonly createdAtMs: number;
  readonly deadlineMs: number;
  readonly endedAtMs?: number;
}

export interface RunStep {
  readonly state: Exclude<StepState, "pending">;
  readonly taskId?: string;
  /** Attempts of its task, once it ended. */
  readonly attempt?: number;
  readonly agentId?: string;
  /** Why it failed; with `fellBack` the step goes on in its fallback. */
  readonly failure?: Failure;
  readonly fellBack?: true;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
}

/** What makes a run. */
export type NewRun = Pick<
  Run,
  | "runId"
  | "templateId"
  | "templateVersion"
  | "templateDigest"
  | "labels"
  | "priority"
  | "actor"
  | "traceparent"
  | "deadlineMs"
> & { readonly input?: Json };

export type RunCommand =
  | { readonly type: "start"; readonly run: NewRun }
  | {
      readonly type: "task_ended";
      readonly stepPath: string;
      readonly taskId: string;
      readonly state: Extract<TaskState, "succeeded" | "failed" | "cancelled">;
      readonly output?: Json;
      readonly failure?: Failure;
      readonly attempt: number;
      readonly agentId?: string;
    }
  | { readonly type: "cancel"; readonly reason: string; readonly graceMs: number }
  /** The run's own timeout. */
  | { readonly type: "deadline" };

export type RunEvent =
  | { readonly type: "started"; readonly run: NewRun }
  /** A task step began: it shows as the task's `queued` entry, not as one of the step. */
  | { readonly type: "task_queued"; readonly stepPath: string; readonly task: NewTask }
  | {
      readonly type: "step_ended";
      readonly stepPath: string;
      readonly from: StepState;
      readonly to: Extract<StepState, "succeeded" | "failed" | "skipped" | "cancelled">;
      readonly output?: Json;
      readonly failure?: Failure;
      readonly attempt?: number;
      readonly agentId?: string;
    }
  /** The step failed for good and goes on in its fallback. */
  | {
      readonly type: "step_fell_back";
      readonly stepPath: string;
      readonly failure: Failure;
      readonly attempt?: number;
      readonly agentId?: string;
    }
  | { readonly type: "cancelling"; readonly reason: string; readonly graceMs: number }
  | { readonly type: "succeeded"; readonly output?: Json }
  | { readonly type: "failed"; readonly failure: Failure }
  | { readonly type: "cancelled"; readonly reason: string };

/** What a command does to a run. `events` are history; `cancels` are for the tasks concerned. */
export interface RunDecision {
  readonly events: readonly RunEvent[];
  /** Tasks that nobody needs any more; without `graceMs` they end at once. */
  readonly cancels: readonly {
    readonly taskId: string;
    readonly graceMs?: number;
    readonly reason: string;
  }[];
}

/** What rules need to know beside the run itself. */
export interface RunContext {
  readonly nowMs: number;
  readonly input: Json | undefined;
  /** Output of a step that succeeded and has one, by step path. */
  readonly outputOf: (stepPath: string) => Json | undefined;
  /** A new id for each task. */
  readonly newTaskId: () => string;
}

/** The fields of a run that filters of its entries can name. */
export interface RunView {
  readonly state: RunState;
  readonly templateId: string;
  readonly templateVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly actor: string;
  readonly traceId: string;
  readonly createdAtMs: number;
  readonly endedAtMs?: number;
  readonly failureReason?: string;
}

/** What the journal `runs` keeps of a task's change. */
export interface TaskChange {
  readonly type: "task_changed";
  readonly taskId: string;
  readonly stepPath: string;
  /** Absent: it is new. */
  readonly from?: TaskState;
  readonly to: TaskState;
  readonly attempt: number;
  readonly leaseEpoch: number;
  readonly agentId?: string;
  readonly sessionId?: string;
  readonly failure?: Failure;
  readonly readyAtMs?: number;
  readonly disposition?: Disposition;
  /** With a new task: what made it. */
  readonly task?: NewTask;
  /** Its run was cancelled: the holder may report until then. */
  readonly cancel?: { readonly deadlineMs: number; readonly reason: string };
  /** A report that came after the cancellation. */
  readonly late?: true;
}

/** A version of a template was published; such entries belong to no run. */
export interface TemplatePublished {
  readonly type: "template_published";
  readonly templateId: string;
  readonly version: string;
  readonly digest: string;
}

/** An entry of the journal `runs` as it is stored. */
export interface RunEntryBody {
  readonly event: Exclude<RunEvent, { type: "task_queued" }> | TaskChange | TemplatePublished;
  /** The decision's own time, frozen for its expressions. Unix ms. */
  readonly atMs: number;
  readonly actor: string;
  readonly reason?: string;
  readonly requestId?: string;
  /** Before and after; `was` is absent when nothing of it changed, both for entries of no run. */
  readonly was?: RunView;
  readonly is?: RunView;
}
