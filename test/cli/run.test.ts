import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Session } from "../../gen/opscore/v1/lifecycle_pb.ts";
import type { TaskAssignment } from "../../gen/opscore/v1/task_pb.ts";
import type { OpsClient } from "../../src/client/index.ts";
import { type HttpRig, openHttpRig } from "../rpc/http/rig.ts";
import { sendFleet } from "./fleet.ts";
import { buildOpscore, type Opscore } from "./opscore.ts";

// A first attempt that fails, a step that falls back, one that waits for two, and one that is skipped.
const DIGEST = `
template_id: digest
version: 1.0.0
main:
  mode: BLOCK_MODE_GRAPH
  steps:
  - id: search
    task: {agent: {capability: seek}, input: {topic: input.topic}}
    retry: {max_attempts: 2, initial_delay: 0.01s}
  - id: picture
    task: {agent: {capability: paint}}
    retry: {max_attempts: 1}
    fallback: {steps: [{id: blank, set: {values: {url: "''"}}}]}
  - {id: page, set: {values: {text: steps.search.output.text, url: steps.picture.output.url}}}
  - {id: extra, if: "false", set: {values: {n: "1"}}}
output: {text: steps.page.output.text}
`;
const WORK = { seek: "seeker", paint: "painter" };
const PTY = spawnSync("script", ["-qefc", "true", "/dev/null"]).status === 0;

let opscore: Opscore;
let server: HttpRig;
let ops: OpsClient;
const sessions = new Map<string, Session>();

beforeAll(async () => {
  [opscore, server] = await Promise.all([buildOpscore(), openHttpRig()]);
  ops = await sendFleet(server.url, "default");
  await ops.workflow.publishTemplate({ source: { source: { case: "text", value: DIGEST } } });
  for (const [capability, agentId] of Object.entries(WORK)) {
    const { agent } = await ops.lifecycle.registerAgent({
      agentId,
      spec: { capabilities: [{ name: capability }] },
      openSession: { leaseDuration: { seconds: 600n, nanos: 0 } },
    });
    if (agent?.session !== undefined) sessions.set(agentId, agent.session);
  }
});

afterAll(async () => {
  await Promise.all([opscore, server].map((open) => open[Symbol.asyncDispose]()));
});

test("--follow tells off a terminal what happens to each step, once and without motion", async () => {
  const following = run("run", "start", "digest", "-i", "topic=tea", "--follow", "--id", "told");
  await fail(await taken("painter"), "OUT_OF_PAINT");
  await fail(await taken("seeker"), "RATE_LIMITED");
  await complete(await taken("seeker"), { text: "tea" });
  const { status, stdout, stderr } = await following;
  expect({ status, stdout }).toEqual({ status: 0, stdout: '{\n  "text": "tea"\n}\n' });
  expect(stderr).not.toContain("\u001b");
  const lines = stderr.trimEnd().split("\n");
  expect(lines[0]).toBe("told  digest@1.0.0");
  expect(lines.at(-1)).toMatch(/^told {2}digest@1\.0\.0 {2}SUCCEEDED {2}\d/);
  const about = (step: string) => lines.filter((line) => line.split(" ")[2] === step);
  expect(about("search")).toEqual([
    expect.stringMatching(/^ ▸ search +seeker +\S+$/),
    expect.stringMatching(
      /^ ↻ search +seeker +\S+ +attempt 1 failed, again \S.* RATE_LIMITED: no$/,
    ),
    expect.stringMatching(/^ ▸ search +seeker +\S+ +attempt 2 after RATE_LIMITED$/),
    expect.stringMatching(/^ ✓ search +seeker +\S+ +attempt 2$/),
  ]);
  expect(about("picture")).toEqual([
    expect.stringMatching(/^ ▸ picture +painter +\S+$/),
    expect.stringMatching(/^ ↻ picture +painter +\S+ +falls back after .* OUT_OF_PAINT$/),
    expect.stringMatching(/^ ✓ picture +painter +\S+$/),
  ]);
  expect(about("page")).toEqual([expect.stringMatching(/^ ✓ page +\S+$/)]);
  expect(about("picture/blank")).toEqual([expect.stringMatching(/^ ✓ picture\/blank +\S+$/)]);
  expect(about("extra")).toEqual([expect.stringMatching(/^ – extra +\S+ +skipped$/)]);
});

test.skipIf(!PTY)(
  "at a terminal the steps stand in place, with what their agents say",
  async () => {
    const line = "opscore run start digest -i topic=tea --follow --id drawn";
    const env = {
      ...{ PATH: `${opscore.folder}:${process.env["PATH"]}`, HOME: opscore.folder },
      ...{ OPSCORE_URL: server.url, TERM: "xterm" },
    };
    const child = spawn("script", ["-qefc", line, "/dev/null"], { env, stdio: "pipe" });
    let output = "";
    const shown = Promise.withResolvers<void>();
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("62% section 4/6")) shown.resolve();
    });
    const closed = once(child, "close");
    const seeking = await taken("seeker");
    const held = {
      taskId: seeking.taskId,
      leaseEpoch: seeking.leaseEpoch,
      progress: 4,
      ratio: 0.62,
    };
    const session = sessionOf("seeker");
    const beat = { agentId: "seeker", ...session, held: [{ ...held, note: "section 4/6" }] };
    await ops.lifecycle.heartbeat({ beat });
    await shown.promise;
    await complete(await taken("painter"), { url: "a.png" });
    await complete(seeking, { text: "tea" });
    const [status] = await closed;
    expect(status).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: What a terminal is told is the point.
    const screens = output.split(/\u001b\[\d+A\r\u001b\[J/);
    expect(screens.length).toBeGreaterThan(2);
    expect(output).toMatch(/ ○ page +waiting on search, picture\r\n/);
    const last = screens.at(-1)?.replaceAll("\r", "").split("\n") ?? [];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: As above.
    const plain = last.map((text) => text.replace(/\u001b\[\d+m/g, ""));
    expect(plain.slice(0, 5)).toEqual([
      expect.stringMatching(/^drawn {2}digest@1\.0\.0 {2}SUCCEEDED {2}\d/),
      expect.stringMatching(/^ ✓ search +seeker +\S+$/),
      expect.stringMatching(/^ ✓ picture +painter +\S+$/),
      expect.stringMatching(/^ ✓ page +\S+$/),
      expect.stringMatching(/^ – extra +\S+ +skipped$/),
    ]);
    expect(plain.slice(5).join("")).toBe('{  "text": "tea"}');
  },
);

test("a cancelled run ends those who wait for it with exit 8, a program with the run", async () => {
  await start("doomed");
  const waiting = run("run", "watch", "doomed", "-o", "json");
  await run("run", "cancel", "doomed", "--grace", "0s", "--reason", "no more tea");
  const { status, stdout, stderr } = await waiting;
  expect(status).toBe(8);
  expect(JSON.parse(stdout)).toMatchObject({ runId: "doomed", state: "RUN_STATE_CANCELLED" });
  expect(stderr).toMatch(/"message":"run doomed was cancelled"/);
});

test("runs that flags select are cancelled after a yes, and not without", async () => {
  const labels = { batch: "night" };
  for (const runId of ["night-1", "night-2", "night-3"]) {
    await start(runId, labels);
  }
  const select = ["run", "cancel", "--label", "batch=night"];
  const dry = await run(...select, "--dry-run");
  const what = "3 runs (newest night-3, oldest night-1)";
  expect(dry).toMatchObject({ status: 0, stdout: `would cancel ${what}\n`, stderr: "" });
  const unasked = await run(...select);
  expect(unasked).toMatchObject({ status: 2, stdout: "" });
  expect(unasked.stderr).toContain(`Cancel ${what}?`);
  const isOpen = 'labels["batch"] == "night" && state == "RUNNING"';
  expect((await ops.workflow.listRuns({ filter: isOpen })).runs).toHaveLength(3);
  const done = await run(...select, "--yes", "-o", "id");
  expect(done.stdout.trimEnd().split("\n").sort()).toEqual(["night-1", "night-2", "night-3"]);
  expect((await ops.workflow.listRuns({ filter: isOpen })).runs).toHaveLength(0);
  expect(await run("run", "cancel")).toMatchObject({ status: 2 });
  expect(await run("run", "cancel", "sum-1", "nowhere")).toMatchObject({
    status: 3,
    stdout: expect.stringMatching(/sum-1 +RUN_ENDED/),
  });
});

function run(...args: readonly string[]) {
  return opscore.run(args, { env: { OPSCORE_URL: server.url } });
}

function start(runId: string, labels: Readonly<Record<string, string>> = {}) {
  const input = { data: { case: "json", value: fromJson(ValueSchema, { topic: "tea" }) } } as const;
  return ops.workflow.startRun({ runId, templateId: "digest", labels, input });
}

function sessionOf(agentId: string) {
  const session = sessions.get(agentId);
  if (session === undefined) throw new Error(`${agentId} has no session`);
  return { sessionId: session.sessionId, epoch: session.epoch };
}

/** The next task that an agent is given. */
async function taken(agentId: string): Promise<TaskAssignment> {
  for (;;) {
    const wait = { seconds: 20n, nanos: 0 };
    const asked = { ...sessionOf(agentId), maxTasks: 1, autoAck: true, wait };
    const [task] = (await ops.task.pollTasks(asked)).assignments;
    if (task !== undefined) return task;
  }
}

function complete({ taskId, leaseEpoch }: TaskAssignment, output: JsonObject) {
  const data = { case: "json", value: fromJson(ValueSchema, output) } as const;
  return ops.task.completeTask({ taskId, leaseEpoch, output: { data } });
}

function fail({ taskId, leaseEpoch }: TaskAssignment, reason: string) {
  const failure = { reason, message: "no" };
  return ops.task.failTask({ taskId, leaseEpoch, fail: { failure } });
}
