import { agentDeregister } from "./agent/deregister.ts";
import { agentGet } from "./agent/get.ts";
import { agentHistory } from "./agent/history.ts";
import { agentList } from "./agent/list.ts";
import type { Command, Groups } from "./command.ts";
import { completionCommand } from "./completion/command.ts";
import { serveCommand } from "./server/serve-command.ts";
import { versionCommand } from "./version.ts";

/** Every command, in the order of help and docs/cli.md. Adding one is a module and its line here. */
export const COMMANDS: readonly Command[] = [
  serveCommand,
  agentList,
  agentGet,
  agentHistory,
  agentDeregister,
  completionCommand(() => ({ commands: COMMANDS, groups: GROUPS })),
  versionCommand,
];

/** Every noun that has verbs. */
export const GROUPS: Groups = {
  agent: {
    summary: "who the agents are, what they say and whether they live",
    aliases: ["agents"],
  },
};
