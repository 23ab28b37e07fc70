import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { JsonValue } from "@bufbuild/protobuf";
import { usage } from "../cli-error.ts";

/** JSON from the command line: itself, `@FILE`, or `-` for standard input. @throws {CliError} */
export async function dataOf(given: string | undefined): Promise<JsonValue> {
  if (given === undefined) return {};
  const source = await sourceOf(given);
  try {
    return JSON.parse(source) as JsonValue;
  } catch (error) {
    throw usage(`--data is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function sourceOf(given: string): Promise<string> {
  if (given === "-") return await text(process.stdin);
  if (!given.startsWith("@")) return given;
  const file = given.slice(1);
  try {
    return await readFile(file, "utf8");
  } catch {
    throw usage(`--data is ${JSON.stringify(given)}, but must name a file that can be read`);
  }
}
