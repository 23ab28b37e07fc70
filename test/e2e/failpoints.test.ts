import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { AgentState, IfSessionLive } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { FAILPOINTS, type FailpointName } from "../../src/failpoint.ts";
import { verifyFolder } from "../../src/store/sqlite/verify.ts";
import { insist } from "./agents.ts";
import { clientOf } from "./doors.ts";
import { startLoad } from "./load.ts";
import { QUICK, type Server, startServer } from "./server.ts";

/** How often it dies at each point. */
const HITS = Number(process.env["OPSCORE_TEST_HITS"] ?? 1);
/** Those of the store have a test of their own; retention has the second one here. */
const ELSEWHERE =
  /^(batch|commit|claim|timers|beats|sweep|floor|trim|checkpoint|migration|log-\w+|retire)\./;
const POINTS = FAILPOINTS.filter((name) => !ELSEWHERE.test(name));

async function dieAt(server: Server, name: FailpointName, hit: number): Promise<void> {
  server.spawn({ OPSCORE_FAILPOINT: `${name}:hit=${hit}:kill` });
  expect([name, await server.died()]).toEqual([name, "SIGKILL"]);
}

function expectSound({ folder }: Server): void {
  expect([...verifyFolder(folder)].filter(({ type }) => type === "problem")).toEqual([]);
}

test("dead at each boundary of a commit, under load: nothing acknowledged is lost, nothing comes twice", async () => {
  const server = await startServer(QUICK);
  const load = await startLoad(server);
  const others = [publishAgain(server, load.ending), openAgain(server, load.ending)];
  for (let hit = 1; hit <= HITS; hit++) {
    for (const [i, name] of POINTS.entries()) {
      await server.kill();
      await dieAt(server, name, hit + (i % 2));
    }
  }
  await server.start();
  await load.end();
  await Promise.all(others);
  expect(await server.stop()).toBe(0);
  expectSound(server);
}, 900_000);

/** Versions of a template, one after the other. */
async function publishAgain(server: Server, ending: AbortSignal): Promise<void> {
  const { workflow } = clientOf("gRPC", server);
  for (let patch = 0; !ending.aborted; patch++) {
    const text = `{template_id: other, version: 1.0.${patch}, main: {steps: [{id: a, set: {values: {b: "1"}}}]}}`;
    const source = { source: { case: "text", value: text } } as const;
    await insist(() => workflow.publishTemplate({ source, requestId: `publish-${patch}` }));
    await delay(20);
  }
}

/** An agent that takes work and forgets it, session after session. */
async function openAgain(server: Server, ending: AbortSignal): Promise<void> {
  const { lifecycle, task } = clientOf("gRPC", server);
  const spec = { capabilities: [{ name: "work" }], slots: 1 };
  const openSession = { ifLive: IfSessionLive.TAKE_OVER };
  while (!ending.aborted) {
    const request = { agentId: "forgetful", spec, openSession };
    const { agent } = await insist(() => lifecycle.registerAgent(request));
    const { sessionId = "", epoch = 0 } = agent?.session ?? {};
    const report = { agentId: "forgetful", sessionId, epoch, state: AgentState.IDLE };
    await insist(() => lifecycle.reportState({ report }));
    await insist(() => task.pollTasks({ sessionId, epoch, maxTasks: 1, wait: { seconds: 1n } }));
    await delay(20);
  }
}

test("dead while a run is retired: it goes at the next start", async () => {
  const server = await startServer(QUICK);
  const { workflow } = clientOf("gRPC", server);
  const text = `{template_id: short, version: 1.0.0, main: {steps: [{id: a, set: {values: {b: "1"}}}]}}`;
  await workflow.publishTemplate({ source: { source: { case: "text", value: text } } });
  await server.kill();
  const retention = { OPSCORE_LIMIT_JOURNAL_RETENTION_MS: "1ms" };
  server.spawn({ ...retention, OPSCORE_FAILPOINT: "retire.slice:kill" });
  const { run } = await insist(() => workflow.startRun({ templateId: "short", requestId: "one" }));
  expect(await server.died()).toBe("SIGKILL");
  await server.start(retention);
  const isGone = () =>
    workflow.getRun({ runId: run?.runId ?? "" }).then(
      () => false,
      (error: unknown) => error instanceof ConnectError && error.code === Code.NotFound,
    );
  while (!(await isGone()));
  expect(await server.stop()).toBe(0);
  expectSound(server);
}, 120_000);
