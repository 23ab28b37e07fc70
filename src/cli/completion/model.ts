import type { Command, Groups, Option } from "../command.ts";
import { flagOf } from "../flags.ts";
import { CLIENT_SETTINGS, type ClientSetting, SWITCHES } from "../settings-table.ts";

/** A place on the command line: what can come next. */
export interface Place {
  /** The words before, by their main names; "" at the beginning. */
  readonly path: string;
  readonly words: readonly Word[];
  readonly flags: readonly Flag[];
}

export interface Word {
  readonly names: readonly string[];
  readonly about: string;
}

export interface Flag {
  /** As typed: `-o`, `--output`. */
  readonly names: readonly string[];
  readonly about: string;
  /** Absent for a switch. Empty: anything. */
  readonly values?: readonly string[];
  /** The value is a path. */
  readonly isFile?: true;
}

/** Every place of the command line, from the table of commands. */
export function placesOf(commands: readonly Command[], groups: Groups): readonly Place[] {
  const nouns = new Map<string, Word[]>([["", []]]);
  const places: Place[] = [];
  for (const { path, aliases = [], summary, options = {}, arguments: args = {} } of commands) {
    const [first = "", second] = path.split(" ");
    const parent = second === undefined ? "" : first;
    if (!nouns.has(parent)) {
      const { summary: about, aliases: others = [] } = groups[parent] ?? { summary: "" };
      nouns.get("")?.push({ names: [parent, ...others], about });
      nouns.set(parent, []);
    }
    nouns.get(parent)?.push({ names: [second ?? first, ...aliases], about: summary });
    const choices = Object.values(args).flatMap((argument) => argument.choices ?? []);
    places.push({
      path,
      words: choices.map((choice) => ({ names: [choice], about: "" })),
      flags: Object.entries(options).map(([key, option]) => flagFrom(key, option)),
    });
  }
  const inner = [...nouns].map(([path, words]) => ({ path, words, flags: [] }));
  return [...inner, ...places];
}

/** A word that leads from one place to another. */
export interface Step {
  readonly from: string;
  readonly names: readonly string[];
  readonly to: string;
}

export function stepsOf(places: readonly Place[]): readonly Step[] {
  return places
    .flatMap(({ path, words }) =>
      words.map(({ names }) => ({
        from: path,
        names,
        to: path === "" ? (names[0] ?? "") : `${path} ${names[0]}`,
      })),
    )
    .filter(({ to }) => places.some(({ path }) => path === to));
}

/** The flags that take a value, each with the place where it does; without one it does everywhere. */
export function valueFlags(
  places: readonly Place[],
  everywhere: readonly Flag[],
): readonly { readonly path?: string; readonly flag: Flag }[] {
  return [
    ...places.flatMap(({ path, flags }) => flags.map((flag) => ({ path, flag }))),
    ...everywhere.map((flag) => ({ flag })),
  ].filter(({ flag }) => flag.values !== undefined);
}

/** The flags that every command has. */
export function globalFlags(): readonly Flag[] {
  const settings = Object.values<ClientSetting>(CLIENT_SETTINGS).map(
    ({ flags, about, choices }): Flag => ({
      ...namesAndValue(flags, about),
      ...(choices && { values: choices }),
    }),
  );
  const switches = Object.values(SWITCHES).map(([flags, about]) => namesAndValue(flags, about));
  return [...settings, ...switches, { names: ["-h", "--help"], about: "print help" }];
}

function flagFrom(key: string, option: Option): Flag {
  const names = [...(option.short === undefined ? [] : [`-${option.short}`]), flagOf(key, option)];
  return {
    names,
    about: option.about,
    ...(option.value !== undefined && { values: option.choices ?? [] }),
    ...(option.value === "FILE" && { isFile: true }),
  };
}

function namesAndValue(flags: string, about: string): Flag {
  return {
    names: flags.match(/(?<=^|, )--?[\w-]+/g) ?? [],
    about,
    ...(flags.includes("<") && { values: [] }),
    ...(flags.includes("<FILE>") && { isFile: true }),
  };
}
