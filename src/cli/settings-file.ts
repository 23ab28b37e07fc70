import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { nearest } from "../core/nearest.ts";
import { CliError, usage } from "./cli-error.ts";
import { userFile } from "./environment.ts";
import { CLIENT_SETTINGS } from "./settings-table.ts";

const PROJECT_FILE = ".opscore.yaml";

/** A file of settings as it was read. */
export interface SettingsFile {
  readonly path: string;
  readonly values: Readonly<Record<string, string>>;
  /** Only in the user's own file. */
  readonly profiles: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The `.opscore.yaml` of the working folder or of the nearest folder above it. */
export async function findProject(): Promise<SettingsFile | undefined> {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const file = await readFile(join(folder, PROJECT_FILE), ["profile"]);
    if (file !== undefined || folder === dirname(folder)) return file;
  }
}

export function readUser(): Promise<SettingsFile | undefined> {
  return readFile(userFile(), ["profile", "profiles"]);
}

async function readFile(path: string, more: readonly string[]): Promise<SettingsFile | undefined> {
  if (!existsSync(path)) return undefined;
  // Most people have no such file, so most commands need not load this.
  const { parse } = await import("yaml");
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8")) ?? {};
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new CliError("usage", `${path} cannot be read: ${why}`, { cause });
  }
  const { profiles = {}, ...top } = mapOf(content, path);
  if (!more.includes("profiles") && Object.keys(mapOf(profiles, path)).length > 0) {
    throw usage(`${path}: profiles belong into ${userFile()}`);
  }
  const sections = Object.entries(mapOf(profiles, path)).map(([name, section]) => [
    name,
    valuesOf(mapOf(section, path), path, []),
  ]);
  return { path, values: valuesOf(top, path, more), profiles: Object.fromEntries(sections) };
}

function valuesOf(
  map: Readonly<Record<string, unknown>>,
  path: string,
  more: readonly string[],
): Readonly<Record<string, string>> {
  const known = [...Object.keys(CLIENT_SETTINGS), ...more];
  for (const [key, value] of Object.entries(map)) {
    if (!known.includes(key)) {
      const meant = nearest(key, known);
      throw usage(
        `${path}: ${key} is no setting`,
        meant === undefined ? `there are ${known.join(", ")}` : `did you mean ${meant}?`,
      );
    }
    if (typeof value === "object") throw usage(`${path}: ${key} must be one value`);
  }
  const texts = Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
  const { token_file: file } = texts;
  return file === undefined ? texts : { ...texts, token_file: pathOf(file, path) };
}

/** `~` is the home folder; any other path begins at the file that says it. */
function pathOf(text: string, file: string): string {
  return text.startsWith("~/") ? join(homedir(), text.slice(2)) : resolve(dirname(file), text);
}

function mapOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw usage(`${path} must hold keys with values`);
  }
  return value as Readonly<Record<string, unknown>>;
}
