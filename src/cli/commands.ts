import { agentGet } from "./agent/get.ts";
import { agentList } from "./agent/list.ts";
import type { Command } from "./command.ts";
import { completionCommand } from "./completion/command.ts";
import { serveCommand } from "./server/serve-command.ts";
import { versionCommand } from "./version.ts";

/** Every command, in the order of help and docs/cli.md. Adding one is a module and its line here. */
export const COMMANDS: readonly Command[] = [
  serveCommand,
  agentList,
  agentGet,
  completionCommand,
  versionCommand,
];

/** The nouns: what their commands have in common. */
export const GROUPS: Readonly<
  Record<string, { readonly summary: string; readonly aliases?: readonly string[] }>
> = {
  agent: {
    summary: "who the agents are, what they say and whether they live",
    aliases: ["agents"],
  },
};
