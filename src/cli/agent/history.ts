import { command } from "../command.ts";
import { allOf, between, equals } from "../filters.ts";
import { CALL_EXITS } from "../help.ts";
import { fullId } from "../ids.ts";
import { LIMIT_OPTION, SINCE_OPTION, UNTIL_OPTION } from "../options.ts";
import { agentEntries } from "./entry-view.ts";
import { agents } from "./view.ts";

const PAGE_MAX = 1_000;

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
  async run(context, { agent, since, until, filter, after = "", limit }) {
    const lifecycle = await context.ops.lifecycle();
    const agentId = agent && (await fullId(agents, context.ops, agent));
    const wanted = allOf(filter, equals("agent_id", agentId), between("time", since, until));
    await context.print.all(entries());

    async function* entries() {
      let left = limit;
      for (let place = after; left > 0; ) {
        const page = await lifecycle.listAgentEntries({
          filter: wanted,
          after: place,
          pageSize: Math.min(left, PAGE_MAX),
        });
        yield* page.entries;
        if (page.entries.length === 0) return;
        left -= page.entries.length;
        place = page.next;
        if (left <= 0) context.note(`there may be more: --limit all, or --after ${place}`);
      }
    }
  },
});
