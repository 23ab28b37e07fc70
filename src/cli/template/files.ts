import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { usage } from "../cli-error.ts";

/** Of `template apply` and `template validate`. */
export const FILE_OPTION = {
  value: "FILE",
  about: "template as YAML or JSON; a folder means all in it, - standard input; may be given again",
  short: "f",
  many: true,
} as const;

/** A template as somebody wrote it. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

const TEMPLATE_FILE = /\.(ya?ml|json)$/;

/** What the files hold, in the order given; those of a folder by name. @throws {CliError} */
export async function sourcesOf(names: readonly string[]): Promise<readonly Source[]> {
  if (names.length === 0) throw usage("say -f FILE, or -f - for standard input");
  const files = await Promise.all(names.map(filesOf));
  return await Promise.all(files.flat().map(sourceOf));
}

async function filesOf(name: string): Promise<readonly string[]> {
  if (name === "-") return [name];
  const found = await stat(name).catch(() => undefined);
  if (!found?.isDirectory()) return [name];
  const inside = (await readdir(name)).filter((file) => TEMPLATE_FILE.test(file)).sort();
  if (inside.length === 0) throw usage(`${name} holds no .yaml, .yml or .json file`);
  return inside.map((file) => join(name, file));
}

async function sourceOf(file: string): Promise<Source> {
  if (file === "-") return { file: "stdin", text: await text(process.stdin) };
  try {
    return { file, text: await readFile(file, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw usage(`${file} cannot be read${code}`);
  }
}
