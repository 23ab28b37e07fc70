import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type DescEnum, fromJson, toJson } from "@bufbuild/protobuf";
import { durationFromMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import { createOpsClient, type OpsClient, watch } from "opscore/client";
import type { LogEntry } from "../../gen/opscore/v1/logging_pb.ts";
import { TaskStateSchema } from "../../gen/opscore/v1/task_pb.ts";
import {
  type RunEntry,
  RunStateSchema,
  StepStateSchema,
  View,
} from "../../gen/opscore/v1/workflow_pb.ts";

const HERE = import.meta.dirname;
const ROOT = join(HERE, "../..");
const READY_MS = 20_000;
/** The server is away for a moment only: look again soon. */
const BACKOFF_MAX_MS = 500;
/** No log entry for this long: the last one has come. */
const QUIET_MS = 500;

/**
 * A workflow on three agents in two languages, through a crash: publishes the
 * template, runs it, shows states, tasks and logs as they are pushed, kills the
 * server in the middle with SIGKILL, starts it again, and prints the report.
 */
export async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "opscore-research-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const agents: ChildProcess[] = [];
  let server = await startServer(port, folder);
  const leave = () => {
    for (const child of [server, ...agents]) end(child, "SIGKILL");
    process.exit(130);
  };
  process.once("SIGINT", leave).once("SIGTERM", leave);
  try {
    say("server", `serves on ${url}`);
    const ops = createOpsClient({ url });
    await publish(ops);
    agents.push(
      run("node", [join(HERE, "planner.ts"), `127.0.0.1:${port}`]),
      run("node", [join(HERE, "writer.ts"), `127.0.0.1:${port}`]),
      run("sh", [join(HERE, "researcher.sh"), url]),
    );
    const runId = await startRun(ops);
    const leaving = new AbortController();
    const filter = `run_id == '${runId}'`;
    const shown = tailLogs(ops, filter, leaving.signal);
    const killed = await watchRun(ops, runId, async () => {
      say("server", "is killed with SIGKILL");
      server.kill("SIGKILL");
      await once(server, "exit");
      server = await startServer(port, folder);
      say("server", "is back; the run goes on");
    });
    if (!killed) throw new Error("the run ended before the server was killed");
    leaving.abort();
    await showLogsAfter(ops, filter, await shown);
    await printReport(ops, runId);
  } finally {
    for (const child of [server, ...agents]) end(child, "SIGTERM");
    await Promise.all([server, ...agents].map(ended));
    await rm(folder, { recursive: true, force: true });
  }
}

async function publish(ops: OpsClient): Promise<void> {
  const text = await readFile(join(HERE, "template.yaml"), "utf8");
  const { version } = await ops.workflow.publishTemplate({
    source: { source: { case: "text", value: text } },
  });
  const { maxTasks = 0 } = version?.bounds ?? {};
  say("template", `research-report ${version?.template?.version}, at most ${maxTasks} tasks`);
}

async function startRun(ops: OpsClient): Promise<string> {
  const input = { data: { case: "json", value: fromJson(ValueSchema, { topic: "tea" }) } } as const;
  const { run } = await ops.workflow.startRun({
    templateId: "research-report",
    input,
    requestId: "demo",
  });
  if (run === undefined) throw new Error("the answer holds no run");
  say("run", `${run.runId} starts`);
  return run.runId;
}

/** Shows the run as it is pushed. Calls `crash` once, when the draft's first attempt has failed. */
async function watchRun(
  ops: OpsClient,
  runId: string,
  crash: () => Promise<void>,
): Promise<boolean> {
  let restarting: Promise<void> | undefined;
  const open = (after: string, options: object) =>
    ops.workflow.watchRuns({ runId, ...(after && { start: startAfter(after) }) }, options);
  let last = 0;
  let isInterrupted = false;
  const onInterrupted = () => {
    if (!isInterrupted) say("watch", `interrupted after entry ${last}, resumes there`);
    isInterrupted = true;
  };
  for await (const { entries } of watch(open, { onInterrupted, backoffMaxMs: BACKOFF_MAX_MS })) {
    isInterrupted = false;
    for (const entry of entries) {
      if (entry.sequence !== last + 1)
        throw new Error(`entry ${entry.sequence} came after ${last}`);
      last = entry.sequence;
      show(entry);
      if (isFailedDraft(entry)) restarting ??= crash();
    }
  }
  await restarting;
  return restarting !== undefined;
}

function isFailedDraft({ stepPath, body }: RunEntry): boolean {
  return stepPath === "draft" && body.case === "task" && body.value.failure !== undefined;
}

function show({ stepPath, body, sequence }: RunEntry): void {
  const at = String(sequence).padStart(2);
  if (body.case === "run") say("run", `${at}  ${nameOf(RunStateSchema, body.value.toState)}`);
  if (body.case === "step")
    say("step", `${at}  ${stepPath}: ${nameOf(StepStateSchema, body.value.toState)}`);
  if (body.case === "task") {
    const { toState, agentId, attempt, failure } = body.value;
    const who = agentId === "" ? "" : ` by ${agentId}, attempt ${attempt}`;
    const why = failure === undefined ? "" : ` (${failure.reason})`;
    say("task", `${at}  ${stepPath}: ${nameOf(TaskStateSchema, toState)}${who}${why}`);
  }
}

/** Shows logs as they are pushed. Returns the cursor behind the last one, where others can go on. */
async function tailLogs(ops: OpsClient, filter: string, signal: AbortSignal): Promise<string> {
  const open = (after: string, options: object) =>
    ops.logging.tailLogs({ filter, ...(after && { start: startAfter(after) }) }, options);
  let last = "";
  for await (const { entries, cursor } of watch(open, { signal, backoffMaxMs: BACKOFF_MAX_MS })) {
    entries.forEach(showLog);
    last = cursor;
  }
  return last;
}

/** What a tail that was cut off by the end of the run has not shown: the same journal, page by page. */
async function showLogsAfter(ops: OpsClient, filter: string, cursor: string): Promise<void> {
  for (let after = cursor; ; ) {
    const page = await ops.logging.listLogEntries({
      filter,
      after,
      wait: durationFromMs(QUIET_MS),
    });
    if (page.entries.length === 0) return;
    page.entries.forEach(showLog);
    after = page.next;
  }
}

function showLog({ agentId, message }: LogEntry): void {
  say("log", `${agentId}: ${message}`);
}

function startAfter(after: string) {
  return { start: { case: "after", value: after } } as const;
}

async function printReport(ops: OpsClient, runId: string): Promise<void> {
  const { run } = await ops.workflow.getRun({ runId, view: View.FULL });
  if (run?.output?.data.case !== "json")
    throw new Error(`the run ended ${nameOf(RunStateSchema, run?.state ?? 0)}`);
  const { report } = toJson(ValueSchema, run.output.data.value) as { report: string };
  process.stdout.write(`\n${report}\n`);
}

async function startServer(port: number, folder: string): Promise<ChildProcess> {
  const env = {
    ...process.env,
    OPSCORE_PORT: String(port),
    OPSCORE_STORE: `sqlite:${folder}`,
    OPSCORE_LOG_LEVEL: "warn",
    // Short, so that what the crash interrupted goes on at once.
    OPSCORE_LIMIT_LEASE_MIN_MS: "500ms",
    OPSCORE_LIMIT_LEASE_MS: "2s",
    OPSCORE_LIMIT_OFFER_MS: "1s",
  };
  const server = run("node", [join(ROOT, "src/main.ts"), "serve"], env);
  const endMs = performance.now() + READY_MS;
  while (performance.now() < endMs && server.exitCode === null) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    if (ready?.ok) return server;
    await delay(50);
  }
  throw new Error("the server did not start");
}

function run(command: string, args: readonly string[], env = process.env): ChildProcess {
  const bin = command === "node" ? process.execPath : command;
  return spawn(bin, args, { env, stdio: ["ignore", "inherit", "inherit"], detached: true });
}

/** Ends a child with everything it started: a shell alone would leave its curl behind. */
function end({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** The name of an enum value, without prefix. */
function nameOf({ value }: DescEnum, number: number): string {
  return value[number]?.localName ?? String(number);
}

function say(who: string, what: string): void {
  process.stdout.write(`${who.padEnd(9)}${what}\n`);
}
