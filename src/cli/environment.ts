import { homedir } from "node:os";
import { join } from "node:path";

/** What surrounds the command: the one file of the command line that reads variables and the clock. */
export function variable(name: string): string | undefined {
  // An empty variable is how shells unset one for a single command.
  return process.env[name] || undefined;
}

/** The clock of this machine: for "ago" on the screen and for times given as an age. */
export function nowMs(): number {
  return Date.now();
}

/** Where the settings of this person are, whether or not the file exists. */
export function userFile(): string {
  return join(variable("XDG_CONFIG_HOME") ?? join(homedir(), ".config"), "opscore", "config.yaml");
}

export function isColorful(
  when: "auto" | "always" | "never",
  stream: { readonly isTTY?: boolean },
): boolean {
  if (when !== "auto") return when === "always";
  if (variable("NO_COLOR") !== undefined) return false;
  const force = variable("FORCE_COLOR");
  if (force !== undefined) return force !== "0" && force !== "false";
  return canRedraw(stream);
}

/** A terminal whose lines can be written again. */
export function canRedraw(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && variable("TERM") !== "dumb";
}
