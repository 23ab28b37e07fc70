import { Refused, unreachable } from "./errors.ts";
import { lookup } from "./lookup.ts";
import type { Run, RunCommand, RunContext, RunDecision } from "./run.ts";
import { stepOf } from "./run-fold.ts";
import { createMoves, type Moves } from "./run-moves.ts";
import { advance, endBlockOf, failStep, outOf } from "./run-steps.ts";
import type { Plan } from "./template-plan.ts";

type Command<T extends RunCommand["type"]> = Extract<RunCommand, { type: T }>;

/**
 * What happens if `command` reaches `run`. Pure: same arguments, same decision.
 * Steps are started, skipped and ended until nothing follows; the time of the
 * decision is frozen for all expressions in it. No events: the command is
 * already true, or came too late to matter.
 *
 * @throws {Refused} `run_ended` for a cancel; `not_found` without a run.
 */
export function decideRun(
  run: Run | undefined,
  plan: Plan,
  command: RunCommand,
  context: RunContext,
): RunDecision {
  if (command.type === "start") {
    if (run !== undefined) return NOTHING;
    const moves = createMoves(plan, context);
    moves.record({ type: "started", run: command.run });
    advance(moves, plan.main);
    return moves.decision();
  }
  if (run === undefined) throw new Refused({ code: "not_found", what: "run", id: "" });
  const moves = createMoves(plan, context, run);
  switch (command.type) {
    case "task_ended":
      endTask(moves, run, command);
      break;
    case "cancel":
      cancel(moves, run, command);
      break;
    case "deadline":
      if (run.endedAtMs === undefined && context.nowMs >= run.deadlineMs) {
        const message = `the run took longer than ${run.deadlineMs - run.createdAtMs} ms`;
        outOf(moves, { reason: "TIMEOUT_RUN", message });
      }
      break;
    default:
      return unreachable(command);
  }
  return moves.decision();
}

const NOTHING: RunDecision = { events: [], cancels: [] };

function endTask(moves: Moves, run: Run, command: Command<"task_ended">): void {
  const { stepPath, taskId, state, output, failure, attempt, agentId } = command;
  const step = stepOf(run, stepPath);
  const isCurrent = step?.state === "running" && step.taskId === taskId && step.fellBack !== true;
  if (run.endedAtMs !== undefined || !isCurrent) return;
  const facts = { attempt, ...(agentId !== undefined && { agentId }) };
  if (run.cancel !== undefined) {
    // After a cancellation no outcome counts: the task rules noted it as late.
    moves.end(stepPath, { to: "cancelled", ...facts });
    finishCancel(moves, run.cancel.reason);
    return;
  }
  const plan = lookup(moves.plan.steps, stepPath);
  if (state === "succeeded") {
    moves.end(stepPath, { to: "succeeded", ...(output !== undefined && { output }), ...facts });
  } else {
    failStep(moves, plan, failure ?? { reason: "UNKNOWN", message: `the task ${state}` }, facts);
  }
  advance(moves, endBlockOf(moves, plan));
}

function cancel(moves: Moves, run: Run, { reason, graceMs }: Command<"cancel">): void {
  const { runId, state } = run;
  if (run.endedAtMs !== undefined) throw new Refused({ code: "run_ended", runId, state });
  if (state === "cancelling") return;
  moves.record({ type: "cancelling", reason, graceMs });
  for (const { taskId } of moves.openTasks("")) moves.cancel({ taskId, graceMs, reason });
  finishCancel(moves, reason);
}

/** A cancelled run ends once no task of it is open. */
function finishCancel(moves: Moves, reason: string): void {
  if (moves.openTasks("").length > 0) return;
  moves.cancelOpen("", reason);
  moves.record({ type: "cancelled", reason });
}
