import type { Table } from "../command.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { globalFlags, placesOf } from "./model.ts";
import { zshScript } from "./zsh.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** The completion script of a shell, from the table of commands. */
export function scriptOf(shell: keyof typeof SCRIPTS, { commands, groups }: Table): string {
  return SCRIPTS[shell](placesOf(commands, groups), globalFlags());
}
