import { command } from "../command.ts";
import { allOf, labeled, oneOf } from "../filters.ts";
import { CALL_EXITS } from "../help.ts";
import { LABEL_OPTION, LIST_OPTIONS } from "../options.ts";
import { pages } from "../pages.ts";
import { agents } from "./view.ts";
import { AGENT_STATES, LIVENESS } from "./words.ts";

export const agentList = command({
  path: "agent list",
  aliases: ["ls"],
  summary: "agents, by id",
  options: {
    state: { value: "STATE", about: "only in this state", choices: AGENT_STATES, many: true },
    liveness: { value: "LIVENESS", about: "only with it", choices: LIVENESS, many: true },
    label: LABEL_OPTION,
    ...LIST_OPTIONS,
  },
  prints: agents,
  examples: [
    { run: "opscore agent list", shows: /AGENT .*\n(.*\n)*writer +ACTIVE +LIVE/ },
    {
      run: "opscore agents ls --state active --label team=core -o wide",
      about: "what works for one team",
      shows: /writer .*team=core/,
    },
    {
      run: "opscore agent list --filter '\"search\" in capabilities' -o id",
      about: "ids for a script",
      shows: /^researcher\n$/,
    },
    {
      run: "opscore agent list --json agentId,liveness,spec.version",
      shows:
        /"agentId": "writer",\n +"liveness": "LIVENESS_LIVE",\n +"spec": \{\n +"version": "1.4.0"/,
    },
  ],
  exits: CALL_EXITS,
  async run(context, { filter, state, liveness, label, limit, pageToken }) {
    const lifecycle = await context.ops.lifecycle();
    const wanted = allOf(
      filter,
      oneOf("state", state),
      oneOf("liveness", liveness),
      labeled(label),
    );
    await context.print.all(
      pages(
        async (pageSize, token) => {
          const page = await lifecycle.listAgents({
            filter: wanted,
            pageSize,
            pageToken: token,
          });
          return { items: page.agents, next: page.nextPageToken };
        },
        { limit, pageToken },
        context.more,
      ),
    );
  },
});
