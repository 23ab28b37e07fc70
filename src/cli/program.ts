import {
  Command as Commander,
  Argument as CommanderArgument,
  Option as CommanderOption,
} from "commander";
import { CliError, usage } from "./cli-error.ts";
import type { Argument, Command, Option } from "./command.ts";
import { COMMANDS, GROUPS } from "./commands.ts";
import { flagOf, placeholderOf, sentence, valuesOf } from "./flags.ts";
import { footerOf } from "./help.ts";
import type { GlobalFlags } from "./settings.ts";
import { CLIENT_SETTINGS, type ClientSetting, SWITCHES } from "./settings-table.ts";
import { parseChoice } from "./values.ts";

/** Runs a command with its input and the global flags. */
export type Dispatch = (
  command: Command,
  input: Readonly<Record<string, unknown>>,
  flags: GlobalFlags,
) => Promise<void>;

/**
 * The table of commands as commander's tree. Only the commands that the line
 * names get their options: making all of them would take longer than a call.
 */
export function createProgram(
  version: string,
  line: readonly string[],
  dispatch: Dispatch,
): Commander {
  const program = new Commander("opscore")
    .description("Ops-Core: lifecycle, durable workflows and logs of AI agents behind one port.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    // An error is told once, by run.ts, in the form that was asked for.
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  for (const setting of Object.values<ClientSetting>(CLIENT_SETTINGS)) {
    program.addOption(new CommanderOption(setting.flags, setting.about + valuesOf(setting)));
  }
  for (const [flags, about] of Object.values(SWITCHES)) {
    program.addOption(new CommanderOption(flags, about));
  }
  program.addHelpText("after", "\nopscore COMMAND --help has examples and exit codes.");
  const groups = new Map<string, Commander>();
  for (const spec of COMMANDS) {
    const words = spec.path.split(" ");
    const name = words.at(-1) ?? "";
    const parent = words.length === 1 ? program : groupOf(words[0] ?? "");
    parent.addCommand(commandOf(name, spec));
  }
  return program;

  function groupOf(name: string): Commander {
    const known = groups.get(name);
    if (known !== undefined) return known;
    const { summary, aliases = [] } = GROUPS[name] ?? { summary: "" };
    const group = program.command(name).summary(summary).description(sentence(summary));
    groups.set(name, group.aliases([...aliases]).helpCommand(false));
    return group;
  }

  function commandOf(name: string, spec: Command): Commander {
    const command = new Commander(name)
      .copyInheritedSettings(program)
      .aliases([...(spec.aliases ?? [])])
      .summary(spec.summary)
      .description(spec.description ?? sentence(spec.summary))
      .addHelpText("after", () => `\n${footerOf(spec)}`);
    const args = Object.entries(spec.arguments ?? {});
    const options = Object.entries(spec.options ?? {}).map(
      ([key, option]) => [key, option, optionOf(key, option)] as const,
    );
    for (const [key, argument] of args) command.addArgument(argumentOf(key, argument));
    if (![name, ...(spec.aliases ?? [])].some((word) => line.includes(word))) return command;
    for (const [, , option] of options) command.addOption(option);
    return command.action(async (...given: unknown[]) => {
      const input = Object.fromEntries([
        ...args.map(([key], i) => [key, given[i]]),
        ...options.map(([key, option, parsed]) => [key, givenValue(command, parsed, option)]),
      ]);
      await dispatch(spec, input, program.opts());
    });
  }
}

function argumentOf(key: string, spec: Argument): CommanderArgument {
  const name = placeholderOf(key, spec);
  return new CommanderArgument(name, spec.about + valuesOf(spec)).argParser(parser(name, spec));
}

function optionOf(key: string, spec: Option): CommanderOption {
  const { about, value, short, group } = spec;
  const flag = flagOf(key, spec);
  const flags = `${short === undefined ? "" : `-${short}, `}${flag}`;
  const option = new CommanderOption(
    value === undefined ? flags : `${flags} <${value}>`,
    about + valuesOf(spec),
  );
  if (value !== undefined) option.argParser(parser(flag, spec));
  return group === undefined ? option : option.helpGroup(`${group}:`);
}

/** Commander is told of no default, so that what was not given can be told from what was. */
function givenValue(command: Commander, option: CommanderOption, spec: Option): unknown {
  const name = option.attributeName();
  const isGiven = command.getOptionValueSource(name) === "cli";
  if (spec.value === undefined) return isGiven;
  if (isGiven) return command.getOptionValue(name);
  if (spec.many) return [];
  return spec.default === undefined ? undefined : parseOne(spec.default, option.flags, spec);
}

type Parseable = Pick<Option, "choices" | "many" | "parse">;

function parser(name: string, spec: Parseable): (text: string, before: unknown) => unknown {
  return (text, before) => {
    const value = parseOne(text, name, spec);
    return spec.many ? [...(Array.isArray(before) ? before : []), value] : value;
  };
}

function parseOne(text: string, name: string, { choices, parse }: Parseable): unknown {
  try {
    const chosen = choices === undefined ? text : parseChoice(text, choices);
    return parse === undefined ? chosen : parse(chosen);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw usage(`${name} is ${JSON.stringify(text)}, but ${error.message}`);
  }
}
