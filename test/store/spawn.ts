import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));

export interface Child {
  readonly process: ChildProcess;
  /** What it has said so far, complete lines only. */
  lines(): readonly string[];
  /** Resolves when it has said something that starts like this. */
  said(start: string): Promise<void>;
  /** Resolves when it is gone and everything it said is here. */
  readonly ended: Promise<number | null>;
}

export interface ChildOptions {
  /** The size no file of it can exceed, in KiB. */
  readonly limit?: number;
  /** Where it dies. */
  readonly failpoint?: string;
  /** A command, with its arguments, that starts it. */
  readonly under?: readonly string[];
}

/** Starts `child.ts`. */
export function startChild(
  mode: string,
  folder: string,
  { limit, failpoint = "", under = [] }: ChildOptions = {},
): Child {
  const args = [CHILD, mode, folder, failpoint];
  const limited = ["-c", `ulimit -f ${limit}; exec "$0" "$@"`, process.execPath, ...args];
  const stdio: ["ignore", "pipe", "inherit"] = ["ignore", "pipe", "inherit"];
  const [command = "", ...rest] = [...under, process.execPath, ...args];
  const child =
    limit === undefined ? spawn(command, rest, { stdio }) : spawn("bash", limited, { stdio });
  let text = "";
  let heard = Promise.withResolvers<void>();
  const wake = (part = ""): void => {
    text += part;
    heard.resolve();
    heard = Promise.withResolvers<void>();
  };
  const { stdout } = child;
  stdout.setEncoding("utf8").on("data", wake).on("end", wake);
  const lines = (): readonly string[] => text.split("\n").slice(0, -1);
  return {
    process: child,
    lines,
    async said(start) {
      while (!lines().some((line) => line.startsWith(start))) {
        if (stdout.readableEnded) throw new Error(`the child ended before "${start}": ${text}`);
        await heard.promise;
      }
    },
    ended: once(child, "close").then(([code]) => code as number | null),
  };
}
