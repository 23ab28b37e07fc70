import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { build } from "../../tools/build.ts";

const END_MS = 60_000;

/** How a command line ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Ctrl-C comes as soon as stdout or stderr matches. */
  readonly until?: RegExp;
}

/** The command line as it is shipped, built for this test file, in a folder of its own. */
export interface Opscore extends AsyncDisposable {
  /** Holds `opscore`; and is a home without settings. */
  readonly folder: string;
  readonly dist: string;
  run(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** A line of bash in which `opscore` is a command. */
  shell(line: string, options?: RunOptions): Promise<Ended>;
}

export async function buildOpscore(): Promise<Opscore> {
  const folder = mkdtempSync(join(tmpdir(), "opscore-cli-"));
  const dist = join(folder, "dist");
  await build(dist);
  const script = join(dist, "opscore.js");
  const command = join(folder, "opscore");
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`);
  chmodSync(command, 0o755);
  const env = { PATH: `${folder}${delimiter}${process.env["PATH"]}`, HOME: folder, TZ: "UTC" };
  const start = (file: string, args: readonly string[], options: RunOptions = {}) =>
    end(file, args, { cwd: folder, ...options, env: { ...env, ...options.env } });
  return {
    folder,
    dist,
    run: (args, options) => start(process.execPath, [script, ...args], options),
    shell: (line, options) => start("bash", ["-c", line], options),
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function end(file: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const { stdin = "", until, cwd, env } = options;
  // A process group of its own, so that Ctrl-C reaches all of a pipeline, as at a terminal.
  const child = spawn(file, args, { cwd, env, stdio: "pipe", detached: true });
  const output = { stdout: "", stderr: "" };
  let isDone = false;
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      if (isDone || until === undefined || !until.test(output.stdout + output.stderr)) return;
      isDone = true;
      signal("SIGINT");
    });
  }
  child.stdin.on("error", () => undefined).end(stdin);
  const giveUp = setTimeout(() => signal("SIGKILL"), END_MS);
  const [status] = await once(child, "close");
  clearTimeout(giveUp);
  return { status, ...output };

  function signal(name: NodeJS.Signals): void {
    try {
      process.kill(-Number(child.pid), name);
    } catch {
      // It has just ended by itself.
    }
  }
}
