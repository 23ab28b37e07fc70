import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { REQUEST_ID_OPTION } from "../options.ts";
import { agents } from "./view.ts";

export const agentDeregister = command({
  path: "agent deregister",
  aliases: ["rm"],
  summary: "remove an agent's registration; its history stays",
  arguments: { agent: { about: "its id, or the beginning of it" } },
  options: {
    force: { about: "also when it is live or holds tasks, which are queued again" },
    requestId: REQUEST_ID_OPTION,
  },
  prints: agents,
  examples: [
    { run: "opscore agent deregister critic", shows: /AGENT +critic\n/ },
    {
      run: "opscore agent deregister writer",
      about: "one that lives stays",
      shows: /\(AGENT_IN_USE\)/,
      exit: "conflict",
    },
    { run: "opscore agent deregister writer --force --dry-run", shows: /"force": true/ },
  ],
  exits: [...CALL_EXITS, "notFound", "conflict"],
  async run(context, { agent, force, requestId = "" }) {
    const lifecycle = await context.ops.lifecycle();
    const answer = await byId(agents, context.ops, agent, (agentId) =>
      lifecycle.deregisterAgent({ agentId, force, requestId }),
    );
    if (answer.agent !== undefined) await context.print.one(answer.agent);
  },
});
