import type { RunEntry, WatchRunsResponse } from "../../../gen/opscore/v1/workflow_pb.ts";
import { usage } from "../cli-error.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { allOf, between } from "../filters.ts";
import { follow } from "../follow.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { LIMIT_OPTION, SINCE_OPTION, UNTIL_OPTION } from "../options.ts";
import { timestampOf } from "../output/time.ts";
import { entriesAfter } from "../pages.ts";
import { runEntries } from "./entry-view.ts";
import { runs } from "./view.ts";

export const runEvents = command({
  path: "run events",
  aliases: ["history"],
  summary: "what happened in runs, oldest first",
  description:
    "What happened in runs, oldest first. With -f it goes on as it happens, over restarts of the server: of one run from its beginning until it has ended, of all from now until Ctrl-C.",
  arguments: {
    run: { about: "its id, or the beginning of it; without one, all runs", optional: true },
  },
  options: {
    follow: { about: "go on as it happens", short: "f" },
    since: SINCE_OPTION,
    until: UNTIL_OPTION,
    filter: { value: "CEL", about: "only entries that this expression selects" },
    after: { value: "CURSOR", about: "only entries after this place in the journal" },
    limit: LIMIT_OPTION,
  },
  prints: runEntries,
  examples: [
    {
      run: "opscore run events report-1",
      shows: /report-1 +1 +RUN +RUNNING\n.*report-1 +2 +TASK +search +QUEUED\n/,
    },
    {
      run: "opscore run events sum-1 -f -o jsonl",
      about: "for a program; it ends with the run",
      shows: /"kind":"RUN_ENTRY_KIND_STEP".*\n.*"toState":"RUN_STATE_SUCCEEDED"/,
    },
    {
      run: "opscore run events --since 1h --filter 'kind == \"TEMPLATE\"' --json template",
      about: "what was published within the hour",
      shows: /"templateId": "sum"/,
    },
    {
      run: "opscore run events -f --since 1h",
      shows: /report-1 +2 +TASK +search +QUEUED\n/,
      exit: "interrupted",
      endless: true,
    },
  ],
  exits: [...CALL_EXITS, "notFound"],
  async run(context, { run, follow: isLive, since, until, filter, after, limit }) {
    if (isLive && until !== undefined) throw usage("-f has no --until: it goes on from now");
    const workflow = await context.ops.workflow();
    const found =
      run === undefined
        ? undefined
        : await byId(runs, context.ops, run, (runId) => workflow.getRun({ runId }));
    const runId = found?.run?.runId ?? "";
    if (isLive) return await context.print.follow(live(context, runId, { filter, since, after }));
    const wanted = allOf(filter, between("time", since, until));
    await context.print.all(
      entriesAfter(
        (place, pageSize) =>
          workflow.listRunEntries({ runId, filter: wanted, after: place, pageSize }),
        { after, limit },
        context.moreAfter,
      ),
    );
  },
});

async function* live(
  context: Context<RunEntry>,
  runId: string,
  {
    filter = "",
    since,
    after,
  }: { filter?: string | undefined; since: number | undefined; after: string | undefined },
): AsyncGenerator<RunEntry> {
  const workflow = await context.ops.workflow();
  const frames = follow<RunEntry, WatchRunsResponse>(
    context,
    (cursor, options) => {
      const first =
        since !== undefined
          ? ({ case: "since", value: timestampOf(since) } as const)
          : runId === ""
            ? ({ case: "now", value: true } as const)
            : undefined;
      const start = cursor === "" ? first : ({ case: "after", value: cursor } as const);
      return workflow.watchRuns({ runId, filter, ...(start && { start: { start } }) }, options);
    },
    after,
  );
  for await (const frame of frames) yield* frame.entries;
}
