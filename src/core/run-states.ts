import type { RunState, StepState } from "./run.ts";

/** The whole state machine of a run: a state maps to the states that can follow. */
export const RUN_MOVES: Readonly<Record<RunState, readonly RunState[]>> = {
  running: ["cancelling", "succeeded", "failed"],
  cancelling: ["failed", "cancelled"],
  succeeded: [],
  failed: [],
  cancelled: [],
};

/** The same for a step. A step that falls back goes on running. */
export const STEP_MOVES: Readonly<Record<StepState, readonly StepState[]>> = {
  pending: ["running", "succeeded", "failed", "skipped"],
  running: ["running", "succeeded", "failed", "cancelled"],
  succeeded: [],
  failed: [],
  skipped: [],
  cancelled: [],
};
