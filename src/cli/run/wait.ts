import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { awaitEnd, refuseUnlessSucceeded } from "./await.ts";
import { runs } from "./view.ts";

export const runWait = command({
  path: "run wait",
  summary: "wait until a run has ended, then print it",
  description:
    "Wait until a run has ended, over restarts of the server, then print it: exit 7 when it failed, 8 when it was cancelled. Ctrl-C and --timeout end the waiting, not the run.",
  arguments: { run: { about: "its id, or the beginning of it" } },
  prints: runs,
  examples: [
    { run: "opscore run wait sum-1", shows: /RUN +sum-1\nSTATE +SUCCEEDED\n/ },
    {
      run: "opscore run wait report-1 --timeout 1s",
      about: "not for ever",
      shows: /error: not done within 1 s/,
      exit: "timeout",
    },
    {
      run: "opscore run cancel report-1 --grace 0s -q -o id && opscore run wait report-1",
      shows: /STATE +CANCELLED\n(.*\n)*error: run report-1 was cancelled/,
      exit: "runCancelled",
    },
  ],
  exits: [...CALL_EXITS, "notFound", "runFailed", "runCancelled"],
  async run(context, { run }) {
    const workflow = await context.ops.workflow();
    const found = await byId(runs, context.ops, run, (runId) => workflow.getRun({ runId }));
    const ended = await awaitEnd(context, found.run?.runId ?? run);
    await context.print.one(ended);
    await refuseUnlessSucceeded(ended);
  },
});
