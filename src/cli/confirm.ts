import { createInterface } from "node:readline/promises";
import { CliError, usage } from "./cli-error.ts";
import { cleanLines } from "./output/text.ts";
import type { GlobalFlags } from "./settings.ts";

/** Asks before something that cannot be undone. Without a terminal nobody is there to answer. */
export async function confirm(question: string, flags: GlobalFlags): Promise<void> {
  if (flags["yes"] === true || flags["dryRun"] === true) return;
  const isAsked = flags["input"] !== false && process.stdin.isTTY && process.stderr.isTTY;
  if (!isAsked) throw usage(`${question} Nobody can be asked here`, "--yes agrees beforehand");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${cleanLines(question)} [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError("failure", "not done: not confirmed");
}
