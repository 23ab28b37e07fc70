import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_MS = 30_000;
const EXIT_MS = 15_000;

/** A running server, and the process that is measured. */
export interface Target extends AsyncDisposable {
  readonly url: string;
  /** The same echo on the adapter alone. */
  readonly bareUrl: string;
  readonly pid: number;
  collectGarbage(): Promise<void>;
}

export interface TargetOptions {
  /** Writes CPU profiles there, one per thread. */
  readonly profileFolder?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts the server on an empty store. Everything is gone when it is disposed of. */
export async function startTarget({
  profileFolder,
  settings,
}: TargetOptions = {}): Promise<Target> {
  const folder = temporaryFolder();
  const profile =
    profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
  const child = fork(new URL("./server.ts", import.meta.url), {
    execArgv: ["--expose-gc", ...profile],
    env: {
      PATH: process.env["PATH"],
      OPSCORE_PORT: "0",
      OPSCORE_STORE: `sqlite:${folder}`,
      OPSCORE_LOG_LEVEL: "warn",
      // What protects a server from one agent is not what is measured.
      OPSCORE_LIMIT_LOG_RATE_PER_SECOND: "1000000",
      OPSCORE_LIMIT_LOG_BURST_ITEMS: "1000000",
      ...settings,
    },
  });
  const { url, bareUrl } = await answerOf(child);
  return {
    url: String(url),
    bareUrl: String(bareUrl),
    pid: child.pid ?? 0,

    async collectGarbage() {
      child.send({});
      await answerOf(child);
    },

    async [Symbol.asyncDispose]() {
      const exited = once(child, "exit", { signal: AbortSignal.timeout(EXIT_MS) });
      child.disconnect();
      try {
        await exited;
      } finally {
        child.kill("SIGKILL");
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** A new folder for one store. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "opscore-bench-"));
}

async function answerOf(child: ChildProcess): Promise<Readonly<Record<string, unknown>>> {
  const signal = AbortSignal.timeout(START_MS);
  const ended = once(child, "exit", { signal }).then(([code]) => {
    throw new Error(`the server ended with ${code}`);
  });
  const [message] = await Promise.race([once(child, "message", { signal }), ended]);
  ended.catch(() => undefined);
  return message;
}
