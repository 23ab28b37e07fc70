import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { ErrorDetailSchema, ErrorReason } from "../../gen/opscore/v1/errors_pb.ts";
import type { OpsClient } from "../../src/client/index.ts";
import { verifyFolder } from "../../src/store/sqlite/verify.ts";
import { whyNoStrace } from "../faults/trace.ts";
import { makeFolder } from "../store/given.ts";
import { insist } from "./agents.ts";
import { clientOf } from "./doors.ts";
import { QUICK, type Server, startServer } from "./server.ts";

const TEMPLATE = `{template_id: t, version: 1.0.0, main: {steps: [{id: a, task: {agent: {capability: work}}}]}}`;
/** Of the run's input; some of them fill the disk. */
const FILLER = "x".repeat(100_000);
const DISK_MB = 12;
const BALLAST_BYTES = 4 * 1024 * 1024;

test("a full disk: writes are refused with a time, reads and health go on, and it recovers by itself", async (context) => {
  const folder = smallDisk(context);
  const ballast = join(folder, "ballast");
  writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES));
  const store = join(folder, "store");
  const server = await startServer({ ...QUICK, OPSCORE_STORE: `sqlite:${store}` });
  const ops = await clientWithTemplate(server);
  const runs: string[] = [];
  const refused = await startUntilRefused(ops, runs);
  expect([refused.code, reasonIn(refused)?.reason]).toEqual([
    Code.ResourceExhausted,
    ErrorReason.STORE_FULL,
  ]);
  expect(reasonIn(refused)?.retryAfter).toBeDefined();
  expect(runs.length).toBeGreaterThan(3);

  expect(await readiness(server)).toBe("200 degraded");
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  await expectRuns(ops, runs);

  rmSync(ballast);
  runs.push(await insistOnRoom(() => start(ops, runs.length)));
  expect(await readiness(server)).toBe("200 ok");
  await server.crash();
  await expectRuns(ops, runs);
  expect(await server.stop()).toBe(0);
  expectSound(store);
}, 120_000);

/** Calls on the write-ahead log, and how many go well before the disk fails: some commits. */
const FAILURES = { fsync: 12, pwrite64: 400 };

for (const [call, after] of Object.entries(FAILURES)) {
  test(`a disk that fails (${call}): it says so, exits, and restarts clean`, async (context) => {
    const why = whyNoStrace();
    if (why !== undefined) skip(context, `strace is needed: ${why}`);
    const server = await startServer(QUICK);
    const ops = await clientWithTemplate(server);
    await server.stop();
    const log = join(server.folder, "ops.db-wal");
    const inject = `inject=${call}:error=EIO:when=${after}+`;
    const trace = ["-f", "-o", "/dev/null", "-P", log, "-e", `trace=${call}`, "-e", inject];
    server.spawn({}, ["strace", ...trace]);
    const runs: string[] = [];
    const starting = startUntilRefused(ops, runs);
    expect(await server.died()).toBe(1);
    expect(server.output).toMatch(/"the store failed"/);
    expect(server.output).toMatch(/disk I\/O error/);
    expect(server.output).toMatch(/"the server cannot go on"/);
    await starting;
    expect(runs.length).toBeGreaterThan(0);
    await server.start();
    await expectRuns(ops, runs);
    expect(await server.stop()).toBe(0);
    expectSound(server.folder);
  }, 120_000);
}

async function clientWithTemplate(server: Server): Promise<OpsClient> {
  const ops = clientOf("gRPC", server);
  await ops.workflow.publishTemplate({ source: { source: { case: "text", value: TEMPLATE } } });
  return ops;
}

async function start({ workflow }: OpsClient, n: number): Promise<string> {
  const input = {
    data: { case: "json", value: { kind: { case: "stringValue", value: FILLER } } },
  } as const;
  const { run } = await workflow.startRun({ templateId: "t", requestId: `start-${n}`, input });
  return run?.runId ?? "";
}

/** Starts runs, and remembers those that were acknowledged, until the server refuses or is gone for good. */
async function startUntilRefused(ops: OpsClient, runs: string[]): Promise<ConnectError> {
  for (let tries = 0; ; ) {
    try {
      runs.push(await start(ops, runs.length));
    } catch (error) {
      const { code } = ConnectError.from(error);
      // It is on its way up; or, after it was there, down.
      if (code !== Code.Unavailable || runs.length > 0 || tries++ > 600)
        return ConnectError.from(error);
      await delay(50);
    }
  }
}

async function insistOnRoom(ask: () => Promise<string>): Promise<string> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (reasonIn(error)?.reason !== ErrorReason.STORE_FULL) throw error;
      await delay(50);
    }
  }
}

async function expectRuns({ workflow }: OpsClient, runs: readonly string[]): Promise<void> {
  for (const runId of runs) {
    const { run } = await insist(() => workflow.getRun({ runId }));
    expect(run?.runId).toBe(runId);
  }
}

async function readiness({ url }: Server): Promise<string> {
  const ready = await fetch(`${url}/readyz`);
  return `${ready.status} ${(await ready.text()).trim()}`;
}

function expectSound(folder: string): void {
  expect([...verifyFolder(folder)].filter(({ type }) => type === "problem")).toEqual([]);
}

function reasonIn(error: unknown) {
  return ConnectError.from(error).findDetails(ErrorDetailSchema)[0];
}

/** A disk of its own, in memory; only root can make one. */
function smallDisk(context: TestContext): string {
  const folder = makeFolder();
  const path = join(folder.path, "disk");
  mkdirSync(path);
  const options = ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "none", path];
  const { status, error, stderr } = spawnSync("mount", options, { encoding: "utf8" });
  if (status !== 0) skip(context, `a small disk cannot be mounted: ${error?.message ?? stderr}`);
  onTestFinished(() => {
    if (status === 0) spawnSync("umount", ["-l", path]);
    folder[Symbol.dispose]();
  });
  return path;
}

/** Loudly; on CI nothing is left out. */
function skip(context: TestContext, why: string): never {
  expect(process.env["CI"], why).toBeUndefined();
  return context.skip(`SKIPPED, ${why}`);
}
