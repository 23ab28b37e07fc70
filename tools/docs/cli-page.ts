import type { Command, Option } from "../../src/cli/command.ts";
import { COMMANDS, GROUPS } from "../../src/cli/commands.ts";
import { EXITS } from "../../src/cli/exit.ts";
import { flagOf, placeholderOf, sentence, valuesOf } from "../../src/cli/flags.ts";
import { exitsOf } from "../../src/cli/help.ts";
import { CLIENT_SETTINGS, type ClientSetting, SWITCHES } from "../../src/cli/settings-table.ts";
import { code, heading, table } from "./markdown.ts";

/** docs/cli.md: every command, flag and exit code. */
export function cliPage(): string {
  return `${heading("The command line", "src/cli/commands.ts")}
\`npm run build\` makes \`dist/opscore.js\`; \`npm link\` puts it on the PATH as \`opscore\`. Without a build,
\`node src/main.ts\` is the same, only slower.

Data goes to standard output and everything else to standard error, so every command can be piped. Ids may be
shortened to any beginning that only one has. Text that others wrote is printed without control characters.

## Flags of every command

${table(
  ["flag", "variable", "default", "what it is"],
  Object.values<ClientSetting>(CLIENT_SETTINGS).map((setting) => [
    code(setting.flags),
    setting.variable === undefined ? "" : code(setting.variable),
    setting.default === undefined ? "" : code(setting.default),
    setting.about + (setting.choices === undefined ? "" : `: ${setting.choices.join(", ")}`),
  ]),
)}${Object.values(SWITCHES)
  .map(([flags, about]) => `| ${code(flags)} |  |  | ${about} |\n`)
  .join("")}
A flag wins over its variable, a variable over \`.opscore.yaml\` in the working folder or above it, that over the
profile of \`$XDG_CONFIG_HOME/opscore/config.yaml\` (by default in \`~/.config\`), and the profile over the top of that
file. The keys of both files are the names of the flags with \`_\` for \`-\`; a profile is named by \`-p\`,
\`OPSCORE_PROFILE\` or the key \`profile\`:

    server: http://127.0.0.1:6772
    profiles:
      production:
        server: https://ops.example.com
        token_file: ~/.config/opscore/production.key

A key comes from \`OPSCORE_TOKEN\` or a file; there is no flag for it, since other users of a machine can read the
command lines of its processes. A server beyond this machine that only \`.opscore.yaml\` names, which may come with
somebody's repository, is sent no key unless \`--token-file\` is given.

## Exit codes

${table(
  ["exit", "meaning"],
  Object.values(EXITS).map(([exit, about]) => [String(exit), about]),
)}
${COMMANDS.map(sectionOf).join("\n")}`;
}

function sectionOf(command: Command): string {
  const { path, aliases = [], summary, description, prints, examples, exits = [] } = command;
  const args = Object.entries(command.arguments ?? {});
  const usage = ["opscore", path, ...args.map(([key, argument]) => placeholderOf(key, argument))];
  const other = otherNames(path, aliases);
  const parts = [
    `## ${path}\n`,
    `    ${usage.join(" ")}\n`,
    `${description ?? sentence(summary)}${other === "" ? "" : ` Also ${other}.`}\n`,
    tableOf(
      "argument",
      args.map(([key, argument]) => [
        code(placeholderOf(key, argument)),
        argument.about + valuesOf(argument),
      ]),
    ),
    tableOf(
      "flag",
      Object.entries(command.options ?? {})
        .filter(isShown)
        .map(rowOf),
    ),
    prints === undefined
      ? ""
      : `Columns: ${prints.columns
          .map(({ head }) => head.toLowerCase())
          .filter(Boolean)
          .join(", ")}.\n`,
    examples.map(({ run, about }) => `    ${run}${about ? `   # ${about}` : ""}\n`).join(""),
    `Exit codes: ${exitsOf(exits)
      .map((name) => EXITS[name][0])
      .join(", ")}.\n`,
  ];
  return parts.filter((part) => part !== "").join("\n");
}

function otherNames(path: string, aliases: readonly string[]): string {
  const [first = "", second] = path.split(" ");
  const nouns = second === undefined ? [] : [first, ...(GROUPS[first]?.aliases ?? [])];
  const verbs = [second ?? first, ...aliases];
  const names = nouns.length === 0 ? verbs : nouns.flatMap((n) => verbs.map((v) => `${n} ${v}`));
  return names.slice(1).map(code).join(", ");
}

/** The limits of `serve` have a page of their own. */
function isShown([, option]: readonly [string, Option]): boolean {
  return option.group !== "Limits";
}

function rowOf([key, option]: readonly [string, Option]): readonly string[] {
  const value = option.value === undefined ? "" : ` <${option.value}>`;
  const short = option.short === undefined ? "" : `-${option.short}, `;
  return [code(`${short}${flagOf(key, option)}${value}`), option.about + valuesOf(option)];
}

function tableOf(name: string, rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? "" : table([name, "what it is"], rows);
}
