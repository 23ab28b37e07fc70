import { command } from "../command.ts";
import { allOf, oneOf } from "../filters.ts";
import { CALL_EXITS } from "../help.ts";
import { LIST_OPTIONS } from "../options.ts";
import { pages } from "../pages.ts";
import { SELECT_OPTIONS, selectionOf } from "./select.ts";
import { runs } from "./view.ts";
import { RUN_STATES } from "./words.ts";

export const runList = command({
  path: "run list",
  aliases: ["ls"],
  summary: "runs, the newest first",
  options: {
    state: {
      value: "STATE",
      about: "only in this state; may be given again",
      choices: RUN_STATES.slice(1),
      many: true,
    },
    ...SELECT_OPTIONS,
    oldestFirst: { about: "the other way round" },
    ...LIST_OPTIONS,
  },
  prints: runs,
  examples: [
    {
      run: "opscore run list",
      shows: /RUN +STATE.*\nreport-1 +RUNNING +report@1\.0\.0.*\nsum-1 +SUCCEEDED +sum@1\.0\.0/,
    },
    {
      run: "opscore runs ls --state failed --state cancelled --template rep --since 1d -o wide",
      about: "what went wrong with one template within a day",
      shows: /^$/,
    },
    {
      run: "opscore run list --filter 'priority >= 5' --oldest-first -o id",
      about: "ids for a script",
      shows: /^sum-1\nreport-1\n$/,
    },
  ],
  exits: CALL_EXITS,
  async run(context, { state, oldestFirst, limit, pageToken, ...selection }) {
    const workflow = await context.ops.workflow();
    const filter = allOf(oneOf("state", state), await selectionOf(context.ops, selection));
    await context.print.all(
      pages(
        async (pageSize, token) => {
          const page = await workflow.listRuns({ filter, oldestFirst, pageSize, pageToken: token });
          return { items: page.runs, next: page.nextPageToken };
        },
        { limit, pageToken },
        context.more,
      ),
    );
  },
});
