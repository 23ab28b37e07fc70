import { COMMANDS, GROUPS } from "../commands.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { globalFlags, placesOf } from "./model.ts";
import { zshScript } from "./zsh.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** The completion script of a shell, from the table of commands. */
export function scriptOf(shell: keyof typeof SCRIPTS): string {
  return SCRIPTS[shell](placesOf(COMMANDS, GROUPS), globalFlags());
}
