import { parseChoice, parseDuration, parseUrl } from "./values.ts";

/** One setting of the command line. Flag, variable, key, help and docs/cli.md follow from its row. */
export interface ClientSetting {
  readonly flags: string;
  readonly variable?: string;
  readonly default?: string;
  readonly about: string;
  readonly choices?: readonly string[];
  readonly parse?: (text: string) => unknown;
}

export const OUTPUTS = ["table", "wide", "json", "jsonl", "yaml", "id"] as const;
export const TIMES = ["relative", "local", "iso", "unix"] as const;
export const COLORS = ["auto", "always", "never"] as const;

/** Every setting, by its key in files. */
export const CLIENT_SETTINGS = {
  server: {
    flags: "-s, --server <URL>",
    variable: "OPSCORE_URL",
    default: "http://127.0.0.1:6772",
    about: "where the server is",
    parse: parseUrl,
  },
  namespace: {
    flags: "-n, --namespace <NAME>",
    variable: "OPSCORE_NAMESPACE",
    default: "default",
    about: "namespace of every call",
  },
  token_file: {
    flags: "--token-file <FILE>",
    variable: "OPSCORE_TOKEN_FILE",
    about: "file that holds the API key, alone; or set OPSCORE_TOKEN",
  },
  timeout: {
    flags: "--timeout <DURATION>",
    about: "give up after this time, as in 30s",
    parse: parseDuration,
  },
  output: {
    flags: "-o, --output <FORMAT>",
    default: "table",
    about: "form of what is printed",
    choices: OUTPUTS,
    parse: (text: string) => parseChoice(text, OUTPUTS),
  },
  time: {
    flags: "--time <FORM>",
    default: "relative",
    about: "form of times in tables",
    choices: TIMES,
    parse: (text: string) => parseChoice(text, TIMES),
  },
  color: {
    flags: "--color <WHEN>",
    default: "auto",
    about: "colors; NO_COLOR and FORCE_COLOR are heard too",
    choices: COLORS,
    parse: (text: string) => parseChoice(text, COLORS),
  },
} as const satisfies Readonly<Record<string, ClientSetting>>;

export type ClientSettingName = keyof typeof CLIENT_SETTINGS;

/** Global flags that no file and no variable can set, by the name commander gives them. */
export const SWITCHES = {
  profile: ["-p, --profile <NAME>", "profile of the settings file; or set OPSCORE_PROFILE"],
  json: ["--json [FIELDS]", "print these fields as JSON; without fields: list them"],
  quiet: ["-q, --quiet", "say nothing but data and errors"],
  verbose: ["-v, --verbose", "say on standard error what is called, and how long it took"],
  yes: ["-y, --yes", "answer every question with yes"],
  input: ["--no-input", "ask nothing: a question without --yes is an error"],
  dryRun: ["--dry-run", "print the first request that would change something, and stop"],
} as const satisfies Readonly<Record<string, readonly [flags: string, about: string]>>;
