import type { Context } from "./context.ts";
import type { ExitName } from "./exit.ts";
import type { View } from "./output/view.ts";

/** One value by its place on the command line. */
export interface Argument {
  readonly about: string;
  readonly optional?: true;
  /** Only for the last one. */
  readonly many?: true;
  /** Accepted in any case. */
  readonly choices?: readonly string[];
  /** @throws {CliError} for a text that is none, as the end of "must be …". */
  readonly parse?: (text: string) => unknown;
}

/** One flag. Its name on the command line is its key in kebab case. */
export interface Option {
  /** As the end of a row of help: lower case, no period. */
  readonly about: string;
  /** Stands for the value in help, in upper case. Without it the flag is a switch. */
  readonly value?: string;
  /** One letter; -c -h -n -o -p -q -s -v -V -y are taken by the global flags. */
  readonly short?: string;
  /** May be given again; then the value is a list. */
  readonly many?: true;
  /** Accepted in any case. */
  readonly choices?: readonly string[];
  /** Read like a given value. */
  readonly default?: string;
  readonly parse?: (text: string) => unknown;
  /** Heading in help. */
  readonly group?: string;
  /** The flag, where it does not follow from the key. */
  readonly flag?: string;
}

/**
 * One call that works, with what is there when test/cli/examples.test.ts runs it
 * in a shell: the fleet of test/cli/fleet.ts, in a namespace of its own.
 */
export interface Example {
  /** The line, beginning with `opscore` or with what comes before the pipe. */
  readonly run: string;
  /** What it is for, lower case, no period. */
  readonly about?: string;
  /** What its output must match, stdout and stderr together. */
  readonly shows: RegExp;
  /** What it ends with. Default ok. */
  readonly exit?: ExitName;
  /** It goes on until Ctrl-C, which it gets as soon as it has shown what it must. */
  readonly endless?: true;
}

type Parsed<S> = S extends { readonly parse: (text: string) => infer T }
  ? T
  : S extends { readonly choices: readonly (infer C)[] }
    ? C
    : string;

type ArgumentValue<S> = S extends { readonly many: true }
  ? readonly Parsed<S>[]
  : S extends { readonly optional: true }
    ? Parsed<S> | undefined
    : Parsed<S>;

type OptionValue<S> = S extends { readonly value: string }
  ? S extends { readonly many: true }
    ? readonly Parsed<S>[]
    : S extends { readonly default: string }
      ? Parsed<S>
      : Parsed<S> | undefined
  : boolean;

/** What was given on the command line, parsed, by the keys of arguments and options. */
export type Input<A, O> = { readonly [K in keyof A]: ArgumentValue<A[K]> } & {
  readonly [K in keyof O]: OptionValue<O[K]>;
};

type Arguments = Readonly<Record<string, Argument>>;
type Options = Readonly<Record<string, Option>>;

/** What a module of a command exports: the source of help, completion, docs/cli.md and the parser. */
export interface CommandSpec<A extends Arguments, O extends Options, T> {
  /** Its words, for example `agent list`. */
  readonly path: string;
  /** Other names of its last word. */
  readonly aliases?: readonly string[];
  /** For lists of commands: lower case, no period. */
  readonly summary: string;
  /** Sentences for its own help. Default: the summary. */
  readonly description?: string;
  /** In their order. */
  readonly arguments?: A;
  readonly options?: O;
  /** What it prints on standard output: columns, fields of --json, ids. */
  readonly prints?: View<T>;
  /** At least one, the most usual first. */
  readonly examples: readonly [Example, ...Example[]];
  /** What it can end with besides the usual. */
  readonly exits?: readonly ExitName[];
  /** It works without any file of settings: to mend one. */
  readonly isOffline?: true;
  /** Code that is heavy, of the client or `gen`, is imported here and not at the top. */
  run(context: Context<T>, input: Input<A, O>): Promise<ExitName> | Promise<void>;
}

/** A command whose types are forgotten, as the table holds it. */
export interface Command extends Omit<CommandSpec<Arguments, Options, unknown>, "run"> {
  run(
    context: Context,
    input: Readonly<Record<string, unknown>>,
  ): Promise<ExitName> | Promise<void>;
}

/** The nouns, by their words: what their commands have in common. */
export type Groups = Readonly<
  Record<string, { readonly summary: string; readonly aliases?: readonly string[] }>
>;

/** All there is on the command line. */
export interface Table {
  readonly commands: readonly Command[];
  readonly groups: Groups;
}

/** Describes a command; `run` gets its input typed from the descriptions. */
export function command<
  const A extends Arguments = Record<never, Argument>,
  const O extends Options = Record<never, Option>,
  T = never,
>(spec: CommandSpec<A, O, T>): Command {
  // The program hands a command what it has parsed by this description, and no other.
  return spec as unknown as Command;
}
