import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { delimiter, dirname, resolve } from "node:path";
import { fromJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { expect, onTestFailed, onTestFinished, type TestContext, test } from "vitest";
import { AgentState } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { TaskState } from "../../gen/opscore/v1/task_pb.ts";
import { RunState, StepState, View } from "../../gen/opscore/v1/workflow_pb.ts";
import type { OpsClient } from "../../src/client/index.ts";
import { insist } from "./agents.ts";
import { type Running, run, start } from "./command.ts";
import { clientOf } from "./doors.ts";
import { type Server, startServer } from "./server.ts";
import { expectEnded, expectOrdered, type Journals, readJournals } from "./validators.ts";

const WAIT = { timeout: 60_000, interval: 50 };
const EVER = 1_000_000_000;

test("the whole journey with curl", async () => {
  const { url: OPSCORE_URL } = await startServer();
  const { code, text } = await run("sh", ["examples/curl/journey.sh"], { OPSCORE_URL });
  expect([code, text]).toEqual([0, expect.any(String)]);
  const inOrder = [
    ...['"epoch":1', '"isDefault":true', '"taskId"', "TASK_STATE_RUNNING", "leaseExpireTime"],
    ...["TASK_STATE_RETRY_WAIT", '"attempt":2', "TASK_STATE_SUCCEEDED", '"letter":"Dear Ada,"'],
    ...['"entry":{', '"sequence":13', '"accepted":2', '"duplicates":2', "data: ", "id: "],
    ...["no stamps left", '"next":', "RUN_STATE_CANCELLING", "cancelTask", "RUN_STATE_CANCELLED"],
    ...['"closeReason":"done"'],
  ];
  let at = 0;
  for (const part of inOrder) {
    const found = text.indexOf(part, at);
    expect([part, found, text]).toEqual([part, expect.toSatisfy((n) => n >= at), text]);
    at = found + part.length;
  }
  const [, resumed = ""] = text.split("== With Last-Event-ID");
  const messages = [...resumed.matchAll(/^data: .*"message":"([^"]*)"/gm)].map(([, m]) => m);
  expect(messages).toEqual(["wrote a letter", "no stamps left"]);
}, 120_000);

const GRPCIO = `import grpc, shutil, importlib.util as u
assert u.find_spec("grpc_tools") or shutil.which("grpc_python_plugin")`;
const AGENTS = [
  { folder: "python-agent", agentId: "python-grpc", needs: GRPCIO },
  { folder: "python-http-agent", agentId: "python-http", needs: "" },
];
const PROMISE = "$folder: works, outlives the server, stops when told, drains";
// A lease that outlives a restart on a busy machine, with a beat every two seconds.
const SETTINGS = { OPSCORE_LIMIT_LEASE_MS: "6s", OPSCORE_LIMIT_SWEEP_MS: "100ms" };

test.for(AGENTS)(PROMISE, { timeout: 300_000 }, async (example, context) => {
  const { folder, agentId, needs } = example;
  const python = findPython(context, needs);
  const server = await startServer(SETTINGS);
  const ops = clientOf("Connect over HTTP/2", server);
  const env = environment(python, server);
  const [launch = [], [work = ""] = []] = commandsOf(folder);
  for (const command of launch.slice(0, -1)) await runWell(command, env);
  const agent = startAgent(launch.at(-1) ?? "", env);

  expect(await runWell(work, env)).toContain("There are 17984 primes below 200000.");
  await outlivesTheServer(ops, server);
  await stopsWhenCancelled(ops, agent);
  await drains(ops, agent, agentId);

  const journals = await readJournals(ops);
  expectOrdered(journals);
  expectEnded(journals.runs.filter(({ runId }) => runId !== "drained"));
  expectStepsOnce(journals);
  expectEveryLine(journals, agentId);
});

async function outlivesTheServer(ops: OpsClient, server: Server): Promise<void> {
  const runId = "killed";
  await startRun(ops, runId, 400_000);
  await expect.poll(() => running(ops, runId), WAIT).not.toEqual([]);
  await server.crash();
  const ended = await untilEnded(ops, runId);
  expect(ended).toMatchObject({ state: RunState.SUCCEEDED });
  expect(JSON.stringify(ended?.output?.data.value)).toContain("33860");
}

/** Hears of it in time to stop by itself, while both of its slots are taken. */
async function stopsWhenCancelled(ops: OpsClient, agent: Running): Promise<void> {
  const runId = "cancelled";
  await startRun(ops, runId, EVER);
  const low = async () => {
    const { tasks } = await ops.workflow.listTasks({ filter: `run_id == '${runId}'` });
    return tasks.find(({ stepPath }) => stepPath === "low")?.progress;
  };
  await expect.poll(low, WAIT).toMatchObject({ note: expect.stringMatching(/primes up to \d+/) });
  await ops.workflow.controlRuns({
    target: { target: { case: "ids", value: { ids: [runId] } } },
    action: { case: "cancel", value: {} },
  });
  expect(await untilEnded(ops, runId)).toMatchObject({ state: RunState.CANCELLED });
  for (const step of ["low", "high"]) {
    await expect.poll(() => agent.text, WAIT).toContain(`ends ${step}: CANCELLED`);
  }
}

/** Finishes what it holds, takes nothing new, closes its session, ends well. */
async function drains(ops: OpsClient, agent: Running, agentId: string): Promise<void> {
  const runId = "drained";
  await startRun(ops, runId, 300_000);
  await expect.poll(() => running(ops, runId), WAIT).not.toEqual([]);
  const held = await running(ops, runId);
  const exited = once(agent.process, "exit");
  agent.process.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  for (const taskId of held) {
    const { task } = await ops.workflow.getTask({ taskId });
    expect(task).toMatchObject({ state: TaskState.SUCCEEDED, attempt: 1 });
  }
  const left = await ops.lifecycle.getAgent({ agentId });
  expect(left.agent).toMatchObject({
    state: AgentState.OFFLINE,
    slotsUsed: 0,
    // The session that it began with: restarts of the server did not end it.
    session: { epoch: 1, closeReason: "drained" },
  });
}

async function startRun({ workflow }: OpsClient, runId: string, below: number): Promise<void> {
  const value = fromJson(ValueSchema, { below });
  await workflow.startRun({
    runId,
    templateId: "primes",
    input: { data: { case: "json", value } },
  });
}

/** Tasks that the agent has acknowledged and not ended. */
async function running({ workflow }: OpsClient, runId: string): Promise<readonly string[]> {
  const { tasks } = await workflow.listTasks({ filter: `run_id == '${runId}'` });
  const counting = tasks.filter(({ stepPath }) => stepPath !== "plan");
  return counting.filter(({ state }) => state === TaskState.RUNNING).map(({ taskId }) => taskId);
}

async function untilEnded({ workflow }: OpsClient, runId: string) {
  const asked = { runId, view: View.FULL, untilEnded: true, wait: { seconds: 30n } };
  for (let turn = 0; turn < 3; turn++) {
    const { run } = await insist(() => workflow.getRun(asked));
    if (run?.endTime !== undefined) return run;
  }
  throw new Error(`${runId} did not end`);
}

function expectStepsOnce({ runs }: Journals): void {
  const ends = runs.flatMap(({ runId, stepPath, body }) =>
    body.case === "step" && body.value.toState === StepState.SUCCEEDED
      ? [`${runId} ${stepPath}`]
      : [],
  );
  expect(ends).toEqual([...new Set(ends)]);
  expect(ends.filter((end) => end.startsWith("killed "))).toHaveLength(4);
}

/** Every line that the agent wrote is there, once, in its order. */
function expectEveryLine({ logs }: Journals, agentId: string): void {
  const lines = logs.filter((entry) => entry.agentId === agentId);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.map(({ producerSeq }) => Number(producerSeq))).toEqual(lines.map((_, i) => i + 1));
  expect(lines.at(-1)?.message).toMatch(/^ends (low|high): done$/);
}

/** The commands of an example's README, block by block. */
function commandsOf(folder: string): readonly (readonly string[])[] {
  const text = readFileSync(`examples/${folder}/README.md`, "utf8");
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)];
  return blocks.map(([, block = ""]) => block.trim().split("\n"));
}

async function runWell(command: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { code, text } = await run("sh", ["-c", command], env);
  expect([code, text]).toEqual([0, expect.any(String)]);
  return text;
}

function startAgent(command: string, env: Readonly<Record<string, string>>): Running {
  const [file = "", ...args] = command.split(" ");
  const agent = start(file, args, env);
  onTestFinished(() => void agent.process.kill("SIGKILL"));
  onTestFailed(() => void process.stderr.write(`\nThe agent said:\n${agent.text}\n`));
  return agent;
}

function environment(python: string, { url }: Server): Readonly<Record<string, string>> {
  const folders = [resolve("node_modules/.bin"), dirname(python), process.env["PATH"] ?? ""];
  return {
    PATH: folders.join(delimiter),
    OPSCORE_URL: url,
    PYTHONDONTWRITEBYTECODE: "1",
  };
}

/** A Python that has what the example needs. Without one the test is skipped, and fails in CI. */
function findPython(context: TestContext, needs: string): string {
  const code = `${needs}\nimport sys; assert sys.version_info >= (3, 10); print(sys.executable)`;
  for (const python of ["python3", "/usr/bin/python3"]) {
    const { status, stdout } = spawnSync(python, ["-c", code], { encoding: "utf8" });
    if (status === 0) return stdout.trim();
  }
  const reason = `no python3 of version 3.10 or newer passes:\n${needs}`;
  if (process.env["CI"] !== undefined) throw new Error(`${reason}\n.ci/run says what to install`);
  process.stderr.write(`\nSKIPPED, not passed: ${context.task.name}: ${reason}\n`);
  return context.skip(reason);
}
