import type { Json } from "./json.ts";
import type { Run, RunContext, RunDecision, RunEvent, StepState } from "./run.ts";
import { evolveRun, existing, stepOf } from "./run-fold.ts";
import { type Reading, type RunValues, valuesOf } from "./run-values.ts";
import type { Plan } from "./template-plan.ts";
import type { Failure } from "./template-types.ts";

/** How a step ends. */
export interface End {
  readonly to: Extract<StepState, "succeeded" | "failed" | "skipped" | "cancelled">;
  readonly output?: Json;
  readonly failure?: Failure;
  readonly attempt?: number;
  readonly agentId?: string;
}

/** A decision in the making: every event is folded at once, so that the next rule sees it. */
export interface Moves {
  readonly plan: Plan;
  readonly context: RunContext;
  /** The run after the events so far. */
  readonly run: Run;
  record(event: RunEvent): void;
  end(stepPath: string, end: End): void;
  cancel(task: RunDecision["cancels"][number]): void;
  stateOf(stepPath: string): StepState;
  /** Outputs of this decision included. */
  outputOf(stepPath: string): Json | undefined;
  values(reading: Reading): RunValues;
  /** Steps under a path prefix whose task is open. */
  openTasks(prefix: string): readonly { readonly stepPath: string; readonly taskId: string }[];
  /** Cancels the open steps under a path prefix, and their tasks at once. */
  cancelOpen(prefix: string, reason: string): void;
  decision(): RunDecision;
}

export function createMoves(plan: Plan, context: RunContext, before?: Run): Moves {
  const events: RunEvent[] = [];
  const cancels: RunDecision["cancels"][number][] = [];
  const outputs = new Map<string, Json>();
  let run = before;

  const present = () => existing(run);

  const moves: Moves = {
    plan,
    context,
    get run() {
      return present();
    },

    record(event) {
      events.push(event);
      run = evolveRun(run, event, context.nowMs);
    },

    end(stepPath, { output, ...end }) {
      const from = moves.stateOf(stepPath);
      if (output !== undefined) outputs.set(stepPath, output);
      moves.record({
        type: "step_ended",
        stepPath,
        from,
        ...end,
        ...(output !== undefined && { output }),
      });
    },

    cancel: (task) => void cancels.push(task),
    stateOf: (stepPath) => stepOf(present(), stepPath)?.state ?? "pending",
    // Only what had succeeded before is recorded: nothing else is there to be read.
    outputOf: (stepPath) =>
      before !== undefined && stepOf(before, stepPath)?.state === "succeeded"
        ? context.outputOf(stepPath)
        : outputs.get(stepPath),
    values: (reading) =>
      valuesOf(plan, present(), { ...context, outputOf: moves.outputOf }, reading),

    openTasks: (prefix) =>
      Object.entries(present().steps).flatMap(([stepPath, { state, taskId, fellBack }]) =>
        stepPath.startsWith(prefix) && state === "running" && taskId !== undefined && !fellBack
          ? [{ stepPath, taskId }]
          : [],
      ),

    cancelOpen(prefix, reason) {
      for (const { taskId } of moves.openTasks(prefix)) moves.cancel({ taskId, reason });
      for (const [stepPath, { state }] of Object.entries(present().steps)) {
        if (stepPath.startsWith(prefix) && state === "running")
          moves.end(stepPath, { to: "cancelled" });
      }
    },

    decision: () => ({ events, cancels }),
  };
  return moves;
}
