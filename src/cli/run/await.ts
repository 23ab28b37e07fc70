import type { Run, RunEntry } from "../../../gen/opscore/v1/workflow_pb.ts";
import { CliError } from "../cli-error.ts";
import type { Context } from "../context.ts";
import { follow } from "../follow.ts";

/**
 * Waits until a run has ended, over restarts of the server, and returns it in
 * full. With `onEntries` it hears of everything that happens, from the beginning.
 */
export async function awaitEnd<T>(
  context: Context<T>,
  runId: string,
  onEntries?: (entries: readonly RunEntry[]) => void,
): Promise<Run> {
  const workflow = await context.ops.workflow();
  const { View } = await import("../../../gen/opscore/v1/workflow_pb.ts");
  // Without listeners only what happens to the run as a whole is sent.
  const filter = onEntries === undefined ? 'kind == "RUN"' : "";
  const frames = follow(context, (after, options) => {
    const start =
      after === "" ? {} : { start: { start: { case: "after", value: after } as const } };
    return workflow.watchRuns({ runId, filter, ...start }, options);
  });
  for await (const { entries } of frames) onEntries?.(entries);
  if (context.signal.aborted) {
    context.hint(`the run goes on: opscore run watch ${runId}`);
    context.signal.throwIfAborted();
  }
  const { run } = await workflow.getRun({ runId, view: View.FULL });
  if (run === undefined) throw new CliError("failure", `the server sent no run ${runId}`);
  return run;
}

/** @throws {CliError} `runFailed` or `runCancelled` when the run did not end well. */
export async function refuseUnlessSucceeded({ runId, state, failure }: Run): Promise<void> {
  const { RunState } = await import("../../../gen/opscore/v1/workflow_pb.ts");
  if (state === RunState.FAILED) {
    const { reason = "FAILED", message = "" } = failure ?? {};
    throw new CliError("runFailed", `run ${runId} failed: ${message}`, { reason });
  }
  if (state === RunState.CANCELLED) {
    throw new CliError("runCancelled", `run ${runId} was cancelled`);
  }
}
