import { command } from "../command.ts";
import { allOf, between, equals } from "../filters.ts";
import { CALL_EXITS } from "../help.ts";
import { fullId } from "../ids.ts";
import { LIMIT_OPTION, SINCE_OPTION, UNTIL_OPTION } from "../options.ts";
import { entriesAfter } from "../pages.ts";
import { agentEntries } from "./entry-view.ts";
import { agents } from "./view.ts";

export const agentHistory = command({
  path: "agent history",
  summary: "what happened to agents, oldest first",
  arguments: {
    agent: { about: "its id, or the beginning of it; without one, all agents", optional: true },
  },
  options: {
    since: SINCE_OPTION,
    until: UNTIL_OPTION,
    filter: { value: "CEL", about: "only entries that this expression selects" },
    after: { value: "CURSOR", about: "only entries after this place in the journal" },
    limit: LIMIT_OPTION,
  },
  prints: agentEntries,
  examples: [
    {
      run: "opscore agent history wri",
      shows: /STATE_CHANGED +INITIALIZING -> ACTIVE +drafting/,
    },
    {
      run: "opscore agent history --since 1h --filter 'kind == \"registered\"' --time iso",
      about: "who came within the hour",
      shows: /\d{4}-\d\d-\d\dT\S+Z +critic +1 +REGISTERED +version 1\.3\.9/,
    },
  ],
  exits: CALL_EXITS,
  async run(context, { agent, since, until, filter, after, limit }) {
    const lifecycle = await context.ops.lifecycle();
    const agentId = agent && (await fullId(agents, context.ops, agent));
    const wanted = allOf(filter, equals("agent_id", agentId), between("time", since, until));
    await context.print.all(
      entriesAfter(
        (place, pageSize) => lifecycle.listAgentEntries({ filter: wanted, after: place, pageSize }),
        { after, limit },
        context.moreAfter,
      ),
    );
  },
});
