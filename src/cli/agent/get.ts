import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { agents } from "./view.ts";

export const agentGet = command({
  path: "agent get",
  summary: "one agent in full",
  arguments: { agent: { about: "its id, or the beginning of it" } },
  prints: agents,
  examples: [
    { run: "opscore agent get writer", shows: /AGENT +writer\nSTATE +ACTIVE\n/ },
    { run: "opscore agent get wri -o yaml", shows: /agentId: writer\n/ },
    {
      run: "opscore agent get writter",
      about: "a slip is named",
      shows: /error: no agent "writter" \(AGENT_NOT_FOUND\)\nhint: did you mean writer\?/,
      exit: "notFound",
    },
  ],
  exits: [...CALL_EXITS, "notFound"],
  async run(context, { agent }) {
    const lifecycle = await context.ops.lifecycle();
    const found = await byId(agents, context.ops, agent, (agentId) =>
      lifecycle.getAgent({ agentId }),
    );
    if (found.agent !== undefined) await context.print.one(found.agent);
  },
});
