import { Command, Option } from "commander";
import { type Flags, readConfig } from "../config.ts";
import { allSettings, flagOf, type Setting } from "../config-table.ts";
import { serve } from "./serve.ts";

const EXAMPLES = `
Every setting is also a variable, OPSCORE_ and its name in upper case; a flag wins.

Examples:
  opscore serve
  opscore serve --port 0 --store sqlite::memory:
  OPSCORE_API_KEYS=user:ana=$SECRET opscore serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem

Exit codes: 0 stopped, 1 failed, 2 wrong usage, 78 wrong settings, 130 interrupted twice.`;

/** `opscore serve`: its flags are the table of settings. */
export function serveCommand(ended: (exitCode: number) => void): Command {
  const command = new Command("serve")
    .summary("run the server until SIGTERM or Ctrl-C")
    .description("Run the server until SIGTERM or Ctrl-C; a second signal does not wait.")
    .addHelpText("after", EXAMPLES);
  const options = new Map<string, Option>();
  for (const [name, setting] of allSettings()) {
    if (setting.only === "variable") continue;
    const option = optionOf(name, setting);
    options.set(name, option);
    command.addOption(option);
  }
  return command.action(async () => {
    ended(await serve(readConfig(flagsOf(command, options))));
  });
}

function optionOf(name: string, setting: Setting): Option {
  const value = setting.value === undefined ? "" : ` <${setting.value}>`;
  // Commander must not know the default: a flag that was not given leaves the variable its say.
  const isShown = setting.default !== undefined && setting.value !== undefined;
  const about = isShown ? `${setting.about} (default ${setting.default})` : aboutSwitch(setting);
  const option = new Option(flagOf(name, setting) + value, about);
  return option.helpGroup(name.startsWith("limit_") ? "Limits:" : "Settings:");
}

function aboutSwitch(setting: Setting): string {
  return setting.default === "true" ? `without ${setting.about}` : setting.about;
}

/** What was given on the command line, by name of the setting. */
function flagsOf(command: Command, options: ReadonlyMap<string, Option>): Flags {
  return Object.fromEntries(
    [...options].map(([name, option]) => {
      const attribute = option.attributeName();
      const isGiven = command.getOptionValueSource(attribute) === "cli";
      return [name, isGiven ? command.getOptionValue(attribute) : undefined];
    }),
  );
}
