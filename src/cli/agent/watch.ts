import { command } from "../command.ts";
import { allOf, equals } from "../filters.ts";
import { follow } from "../follow.ts";
import { CALL_EXITS } from "../help.ts";
import { fullId } from "../ids.ts";
import { SINCE_OPTION } from "../options.ts";
import { timestampOf } from "../output/time.ts";
import { agentEntries } from "./entry-view.ts";
import { agents } from "./view.ts";

export const agentWatch = command({
  path: "agent watch",
  summary: "what happens to agents, as it happens",
  description:
    "What happens to agents, as it happens, until Ctrl-C. It survives restarts of the server: nothing is missed and nothing comes twice.",
  arguments: {
    agent: { about: "its id, or the beginning of it; without one, all agents", optional: true },
  },
  options: {
    since: SINCE_OPTION,
    filter: { value: "CEL", about: "only entries that this expression selects" },
    after: { value: "CURSOR", about: "from this place in the journal instead of from now" },
  },
  prints: agentEntries,
  examples: [
    {
      run: "opscore agent watch --since 1h",
      about: "the last hour first",
      shows: /researcher +\d+ +STATE_CHANGED +INITIALIZING -> IDLE/,
      exit: "interrupted",
      endless: true,
    },
    {
      run: "opscore agent watch writer --since 1h -o jsonl",
      about: "for a program",
      shows: /"kind":"AGENT_ENTRY_KIND_STATE_CHANGED"/,
      exit: "interrupted",
      endless: true,
    },
  ],
  exits: CALL_EXITS,
  async run(context, { agent, since, filter, after }) {
    const lifecycle = await context.ops.lifecycle();
    const agentId = agent && (await fullId(agents, context.ops, agent));
    const wanted = allOf(filter, equals("agent_id", agentId));
    const first =
      since === undefined
        ? ({ case: "now", value: true } as const)
        : ({ case: "since", value: timestampOf(since) } as const);
    await context.print.follow(entries());

    async function* entries() {
      const frames = follow(
        context,
        (cursor, options) =>
          lifecycle.watchAgents(
            {
              filter: wanted,
              start: { start: cursor === "" ? first : { case: "after", value: cursor } },
            },
            options,
          ),
        after,
      );
      for await (const frame of frames) yield* frame.entries;
    }
  },
});
