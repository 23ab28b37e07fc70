import { readFileSync } from "node:fs";
import { CliError, usage } from "./cli-error.ts";
import { variable } from "./environment.ts";
import { findProject, readUser, type SettingsFile } from "./settings-file.ts";
import {
  CLIENT_SETTINGS,
  type ClientSetting,
  type ClientSettingName,
  type COLORS,
  type OUTPUTS,
  type TIMES,
} from "./settings-table.ts";

/** The global flags as commander gives them; those of the settings by name, in camel case. */
export type GlobalFlags = Readonly<Record<string, string | boolean | undefined>>;

/** A value and where it comes from: a flag, a variable, a file, or `default`. */
export interface Sourced {
  readonly text: string | undefined;
  readonly source: string;
  readonly kind: "flag" | "variable" | "project" | "user" | "default";
}

export type Sources = Readonly<Record<ClientSettingName | "profile" | "token", Sourced>>;

/** What the command line was told. Holds a secret: never print it whole. */
export interface Settings {
  readonly server: string;
  readonly namespace: string;
  readonly token?: string;
  readonly timeoutMs?: number;
  readonly output: (typeof OUTPUTS)[number];
  readonly time: (typeof TIMES)[number];
  readonly color: (typeof COLORS)[number];
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Flag, variable, `.opscore.yaml`, profile, top of the user's file, default: the first that is set. */
export async function findSources(flags: GlobalFlags, withoutFiles = false): Promise<Sources> {
  const project = withoutFiles ? undefined : await findProject();
  const user = withoutFiles ? undefined : await readUser();
  const profile = first(
    fromFlag("profile", flags),
    fromVariable("OPSCORE_PROFILE"),
    fromFile("project", project, project?.values["profile"]),
    fromFile("user", user, user?.values["profile"]),
  );
  const isNamed = profile.text !== undefined && !withoutFiles;
  const section = isNamed ? sectionOf(profile.text, user) : {};
  const rows = Object.entries<ClientSetting>(CLIENT_SETTINGS).map(([name, setting]) => [
    name,
    first(
      fromFlag(name, flags),
      fromVariable(setting.variable),
      fromFile("project", project, project?.values[name]),
      fromFile("user", user, section[name], `profile ${profile.text} in `),
      fromFile("user", user, user?.values[name]),
      { text: setting.default, source: "default", kind: "default" },
    ),
  ]);
  const token = first(fromVariable("OPSCORE_TOKEN"));
  return { ...Object.fromEntries(rows), profile, token };
}

export function readSettings(sources: Sources): Settings {
  const timeoutMs = read<number>("timeout", sources);
  const token = readToken(sources);
  return {
    server: read<string>("server", sources) ?? "",
    namespace: read<string>("namespace", sources) ?? "",
    ...(token !== undefined && { token }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    output: read<Settings["output"]>("output", sources) ?? "table",
    time: read<Settings["time"]>("time", sources) ?? "relative",
    color: read<Settings["color"]>("color", sources) ?? "auto",
  };
}

function read<T>(name: ClientSettingName, sources: Sources): T | undefined {
  const { text, source } = sources[name];
  const { parse }: ClientSetting = CLIENT_SETTINGS[name];
  if (text === undefined || parse === undefined) return text as T | undefined;
  try {
    return parse(text) as T;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw usage(`${name} is ${JSON.stringify(text)} (${source}), but ${error.message}`);
  }
}

/**
 * The API key. A file in the working folder may come with somebody's repository: the servers that
 * it names are not sent a key that the person did not give for them.
 */
function readToken({ token, token_file, server }: Sources): string | undefined {
  const isFile = token_file.kind === "flag" || token.text === undefined;
  const given = isFile ? token_file : token;
  if (given.text === undefined) return undefined;
  const isForeign =
    server.kind === "project" &&
    given.kind !== "flag" &&
    !LOOPBACK.test(URL.parse(server.text ?? "")?.hostname ?? "");
  if (isForeign) {
    throw usage(
      `${server.source} names the server ${server.text}, and ${given.source} an API key for another`,
      "say --server, or let .opscore.yaml name a profile of your own settings",
    );
  }
  return isFile ? readKey(given) : given.text;
}

function readKey({ text = "", source }: Sourced): string {
  try {
    return readFileSync(text, "utf8").trim();
  } catch (cause) {
    throw new CliError("usage", `${source} is ${text}, which cannot be read`, { cause });
  }
}

function sectionOf(profile: string, user: SettingsFile | undefined) {
  const section = user?.profiles[profile];
  if (section !== undefined) return section;
  const known = Object.keys(user?.profiles ?? {});
  throw usage(
    `there is no profile ${JSON.stringify(profile)}`,
    known.length > 0
      ? `there are ${known.join(", ")}`
      : "opscore config set -p NAME KEY VALUE makes one",
  );
}

function first(...found: readonly (Sourced | undefined)[]): Sourced {
  const unset = { text: undefined, source: "unset", kind: "default" } as const;
  return found.find((sourced) => sourced?.text !== undefined) ?? unset;
}

function fromFlag(name: string, flags: GlobalFlags): Sourced | undefined {
  const key = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const value = flags[key];
  const source = `--${name.replaceAll("_", "-")}`;
  return value === undefined ? undefined : { text: String(value), source, kind: "flag" };
}

function fromVariable(name: string | undefined): Sourced | undefined {
  if (name === undefined) return undefined;
  return { text: variable(name), source: name, kind: "variable" };
}

function fromFile(
  kind: "project" | "user",
  file: SettingsFile | undefined,
  text: string | undefined,
  where = "",
): Sourced | undefined {
  return file === undefined ? undefined : { text, source: `${where}${file.path}`, kind };
}
