import type { Run, RunEntry, WatchRunsResponse } from "../../../gen/opscore/v1/workflow_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { follow } from "../follow.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { SELECT_OPTIONS, selectionOf } from "./select.ts";
import { showUntilEnd } from "./show.ts";
import { runs } from "./view.ts";

const { template, label, filter } = SELECT_OPTIONS;

export const runWatch = command({
  path: "run watch",
  summary: "the steps of a run as they go, or all runs",
  description:
    "The steps of a run as they go, until it has ended, then its output: exit 7 when it failed, 8 when it was cancelled. Without a run: the runs that are open, then every run that begins or changes its state, until Ctrl-C. Both survive restarts of the server.",
  arguments: {
    run: { about: "its id, or the beginning of it; without one, all runs", optional: true },
  },
  options: { template, label, filter },
  prints: runs,
  examples: [
    {
      run: "opscore run watch sum-1",
      shows: /"total": 3\n\}\nsum-1 +sum@1\.0\.0\n ✓ add .*\nsum-1 .* SUCCEEDED /,
    },
    {
      run: "opscore run watch --template report",
      about: "all of a template",
      shows: /report-1 +RUNNING +report@1\.0\.0/,
      exit: "interrupted",
      endless: true,
    },
  ],
  exits: [...CALL_EXITS, "notFound", "runFailed", "runCancelled"],
  async run(context, { run, ...selection }) {
    const workflow = await context.ops.workflow();
    if (run === undefined) {
      const filter = await selectionOf(context.ops, selection);
      return await context.print.follow(changesOf(context, filter));
    }
    const found = await byId(runs, context.ops, run, (runId) => workflow.getRun({ runId }));
    if (found.run !== undefined) await showUntilEnd(context, found.run);
  },
});

/** Open runs, then each run as it is after every change of its state. */
async function* changesOf(context: Context<Run>, filter: string): AsyncGenerator<Run> {
  const workflow = await context.ops.workflow();
  const { RunState } = await import("../../../gen/opscore/v1/workflow_pb.ts");
  const known = new Map<string, Run>();
  const frames = follow<Run, WatchRunsResponse>(context, (after, options) => {
    const start =
      after === "" ? {} : { start: { start: { case: "after", value: after } as const } };
    return workflow.watchRuns({ filter, ...start }, options);
  });
  for await (const { runs, entries } of frames) {
    for (const run of runs) {
      known.set(run.runId, run);
      yield run;
    }
    for (const entry of entries) {
      const run = await afterEntry(known.get(entry.runId), entry);
      if (run === undefined) continue;
      if (run.endTime === undefined) known.set(run.runId, run);
      else known.delete(run.runId);
      yield run;
    }
  }

  /** The run that an entry made; undefined when its state stayed, or is known already. */
  async function afterEntry(before: Run | undefined, entry: RunEntry): Promise<Run | undefined> {
    const { body, runId, sequence, time } = entry;
    if (body.case !== "run" || sequence <= (before?.revision ?? 0)) return undefined;
    const { run: begun, toState: state, failure } = body.value;
    if (begun !== undefined) return begun;
    // It is of a filter that it came to match only now.
    if (before === undefined) return (await workflow.getRun({ runId })).run;
    const hasEnded = state !== RunState.RUNNING && state !== RunState.CANCELLING;
    return {
      ...before,
      state,
      revision: sequence,
      ...(failure && { failure }),
      ...(hasEnded && time && { endTime: time }),
    };
  }
}
