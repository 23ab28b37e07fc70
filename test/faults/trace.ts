import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What a process did to files, in the order it was done, and what it said on its output. */
export type Step =
  | { readonly type: "create" | "mkdir" | "unlink"; readonly path: string }
  | {
      readonly type: "write";
      readonly path: string;
      readonly offset: number;
      readonly data: Buffer;
    }
  | { readonly type: "truncate"; readonly path: string; readonly bytes: number }
  /** All that was done to the file or folder up to the step `since` is on disk. */
  | { readonly type: "sync"; readonly path: string; readonly since: number }
  | { readonly type: "said"; readonly line: string };

const CALLS = "openat,mkdir,pwrite64,write,ftruncate,unlink,fsync,fdatasync,rename";

export function straceArgs(out: string): readonly string[] {
  return ["-f", "-y", "-xx", "-s", "100000000", "-e", `trace=${CALLS}`, "-o", out];
}

/** Why processes cannot be traced here; undefined if they can. */
export function whyNoStrace(): string | undefined {
  const { status, error, stderr } = spawnSync("strace", ["-f", "true"], { encoding: "utf8" });
  return status === 0 ? undefined : (error?.message ?? stderr.slice(0, 200));
}

/** Reads what strace wrote about everything below a folder. */
export function readTrace(file: string, folder: string): readonly Step[] {
  const steps: Step[] = [];
  const known = new Set<string>();
  for (const { call, since } of callsOf(readFileSync(file, "latin1"), () => steps.length)) {
    const step = stepOf(call, since);
    if (step === undefined || !concerns(step, folder)) continue;
    // Opened to be made if there is none; and there is one.
    if (step.type === "create" && known.has(step.path)) continue;
    if (step.type === "create") known.add(step.path);
    if (step.type === "unlink") known.delete(step.path);
    steps.push(step);
  }
  return steps;
}

/** Whole calls, also those that calls of other threads came in between of, and what was before them. */
function* callsOf(trace: string, now: () => number) {
  const begun = new Map<string, { readonly text: string; readonly since: number }>();
  for (const line of trace.split("\n")) {
    const [, thread = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = / <unfinished \.\.\.>$/.exec(rest);
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest);
    if (unfinished !== null) {
      begun.set(thread, { text: rest.slice(0, unfinished.index), since: now() });
    } else if (resumed !== null) {
      const { text = "", since = now() } = begun.get(thread) ?? {};
      yield { call: text + rest.slice(resumed[0].length), since };
    } else {
      yield { call: rest, since: now() };
    }
  }
}

function concerns(step: Step, folder: string): boolean {
  return step.type === "said" || step.path === folder || step.path.startsWith(`${folder}/`);
}

function stepOf(call: string, since: number): Step | undefined {
  const [, name = "", args = "", result = ""] = /^(\w+)\((.*)\) += (-?\d+)/.exec(call) ?? [];
  if (name === "" || result.startsWith("-")) return undefined;
  const path = bytesOf(/^\d+<([^>]*)>/.exec(args)?.[1] ?? /"([^"]*)"/.exec(args)?.[1]).toString();
  const data = () => bytesOf(/"([^"]*)"/.exec(args)?.[1]);
  const last = () => Number(/(\d+)$/.exec(args)?.[1]);
  switch (name) {
    case "openat":
      return args.includes("O_CREAT") ? { type: "create", path } : undefined;
    case "mkdir":
      return { type: "mkdir", path };
    case "unlink":
      return { type: "unlink", path };
    case "pwrite64":
      return { type: "write", path, offset: last(), data: data() };
    case "ftruncate":
      return { type: "truncate", path, bytes: last() };
    case "fsync":
    case "fdatasync":
      return { type: "sync", path, since };
    case "write":
      return /^1</.test(args) ? { type: "said", line: data().toString().trimEnd() } : undefined;
    default:
      throw new Error(`nothing is known about ${name}`);
  }
}

/** `\x2f\x74` as bytes. */
function bytesOf(text = ""): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}
