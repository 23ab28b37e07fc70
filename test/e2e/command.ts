import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

const LONGEST_MS = 90_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs a command to its end, or to the end of our patience. */
export async function run(command: string, args: readonly string[], env: Environment = {}) {
  const child = start(command, args, env);
  const [code] = await once(child.process, "close").catch((cause: unknown) => {
    throw new Error(`${command} did not end:\n${child.text}`, { cause });
  });
  return { code: code as number | null, text: child.text };
}

/** A command that is running, and what it has printed so far. */
export interface Running {
  readonly process: ChildProcess;
  readonly text: string;
}

export function start(command: string, args: readonly string[], env: Environment = {}): Running {
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.timeout(LONGEST_MS),
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr] as readonly Readable[]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  return {
    process: child,
    get text() {
      return text;
    },
  };
}
