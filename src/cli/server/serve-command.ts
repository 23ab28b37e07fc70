import type { Flags } from "../../config.ts";
import { allSettings, flagOf, type Setting } from "../../config-table.ts";
import { command, type Option } from "../command.ts";

export const serveCommand = command({
  path: "serve",
  summary: "run the server until SIGTERM or Ctrl-C",
  description:
    "Run the server until SIGTERM or Ctrl-C; a second signal does not wait. Every setting is also a variable, OPSCORE_ and its name in upper case; a flag wins.",
  options: Object.fromEntries(
    [...allSettings()]
      .filter(([, setting]) => setting.only !== "variable")
      .map(([name, setting]) => [name, optionOf(name, setting)]),
  ),
  examples: [
    { run: "opscore serve", shows: /"msg":"serving"/, endless: true },
    {
      run: "opscore serve --port 0 --store sqlite::memory:",
      about: "any free port, nothing kept",
      shows: /"msg":"serving"/,
      endless: true,
    },
    {
      run: "opscore serve --api-keys-file keys.txt --tls-cert cert.pem --tls-key key.pem",
      shows: /"url":"https:/,
      endless: true,
    },
  ],
  exits: ["config"],
  async run(_context, input) {
    const { readConfig } = await import("../../config.ts");
    const { serve } = await import("./serve.ts");
    return await serve(readConfig(flagsOf(input)), { isBannerShown: process.stdout.isTTY });
  },
});

function optionOf(name: string, setting: Setting): Option {
  const flag = flagOf(name, setting);
  const group = name.startsWith("limit_") ? "Limits" : "Settings";
  const { value, about } = setting;
  if (value === undefined)
    return { flag, group, about: isOn(setting) ? `without ${about}` : about };
  // The default is only told: a flag that was not given leaves the variable its say.
  const initial = setting.default === undefined ? "" : ` (default ${setting.default})`;
  return { flag, group, value, about: about + initial };
}

/** What was given on the command line, by name of the setting. */
function flagsOf(input: Readonly<Record<string, unknown>>): Flags {
  const settings = allSettings();
  const given = Object.entries(input).filter(([, value]) => value !== undefined && value !== false);
  return Object.fromEntries(
    given.map(([name, value]) => {
      const setting = settings.get(name);
      return [name, value === true ? !(setting && isOn(setting)) : String(value)];
    }),
  );
}

function isOn(setting: Setting): boolean {
  return setting.default === "true";
}
