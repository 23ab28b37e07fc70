import type { Command } from "./command.ts";
import { EXITS, type ExitName } from "./exit.ts";

/** What ends every command, whether or not it calls the server. */
const USUAL: readonly ExitName[] = ["ok", "failure", "usage", "interrupted"];

/** Examples and exit codes, as help shows them below the options. */
export function footerOf({ examples, exits = [] }: Command): string {
  const lines = examples.map(({ run, about }) =>
    about === undefined ? `  ${run}` : `  ${run}   # ${about}`,
  );
  const codes = exitsOf(exits).map((name) => `${EXITS[name][0]} ${EXITS[name][1]}`);
  return `Examples:\n${lines.join("\n")}\n\nExit codes: ${codes.join(", ")}.`;
}

/** The usual exits and a command's own, in the order of their codes. */
export function exitsOf(own: readonly ExitName[]): readonly ExitName[] {
  const names = Object.keys(EXITS) as ExitName[];
  return names.filter((name) => USUAL.includes(name) || own.includes(name));
}

/** Of every command that calls the server. */
export const CALL_EXITS = ["denied", "unreachable", "timeout"] as const;
