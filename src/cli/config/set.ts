import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { usage } from "../cli-error.ts";
import { command } from "../command.ts";
import { userFile } from "../environment.ts";
import { CLIENT_SETTINGS, type ClientSetting } from "../settings-table.ts";

const KEYS = [...Object.keys(CLIENT_SETTINGS), "profile"];

export const configSet = command({
  path: "config set",
  summary: "keep a setting in your own file; without a value it is removed",
  description:
    "Keep a setting in your own file, or with -p in one of its profiles. Without a value the setting is removed. Comments in the file stay.",
  arguments: {
    key: { about: "which setting", choices: KEYS },
    value: { about: "its value", optional: true },
  },
  examples: [
    {
      run: "opscore config set output wide && opscore config view",
      shows: /output +wide +\S+config\.yaml/,
    },
    {
      run: "opscore config set -p blue namespace blue && OPSCORE_NAMESPACE= opscore config view -p blue",
      about: "a profile, which is made if there is none",
      shows: /namespace +blue +profile blue in \S+config\.yaml\n/,
    },
    { run: "opscore config set output", about: "the default again", shows: /^$/ },
    {
      run: "opscore config set output tabel",
      shows: /error: output is "tabel", but must be one of table, wide/,
      exit: "usage",
    },
  ],
  isOffline: true,
  async run(context, { key, value }) {
    const { kind, text } = context.sources.profile;
    const profile = kind === "flag" ? text : undefined;
    if (key === "profile" && profile !== undefined) throw usage("a profile names no profile");
    if (value !== undefined) check(key, value);
    const file = userFile();
    const { parseDocument } = await import("yaml");
    const document = parseDocument(read(file));
    if (document.errors.length > 0) throw usage(`${file} cannot be read: it is no YAML`);
    const path = profile === undefined ? [key] : ["profiles", profile, key];
    if (value === undefined) document.deleteIn(path);
    else document.setIn(path, key === "token_file" ? resolve(value) : value);
    save(file, document.toString());
  },
});

function check(key: string, value: string): void {
  const { parse }: Partial<ClientSetting> =
    key === "profile" ? {} : CLIENT_SETTINGS[key as keyof typeof CLIENT_SETTINGS];
  try {
    parse?.(value);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw usage(`${key} is ${JSON.stringify(value)}, but ${error.message}`);
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Never half of a file: the old one is there until the new one is whole. */
function save(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
