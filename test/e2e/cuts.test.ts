import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { LogEntry } from "../../gen/opscore/v1/logging_pb.ts";
import type { RunEntry } from "../../gen/opscore/v1/workflow_pb.ts";
import type { OpsClient } from "../../src/client/index.ts";
import { insist } from "./agents.ts";
import { collect, startAfter } from "./collect.ts";
import { startCuttingProxy } from "./cutting-proxy.ts";
import { clientOf } from "./doors.ts";
import { until } from "./load.ts";
import { QUICK, type Server, startServer } from "./server.ts";
import { expectOrdered, expectSame, readJournals } from "./validators.ts";

/** More: OPSCORE_TEST_STREAM_CUTS=20000 npx vitest run test/e2e/cuts.test.ts */
const CUTS = Number(process.env["OPSCORE_TEST_STREAM_CUTS"] ?? 1_000);
const RESTARTS = 3;
const WRITE_MS = 10;
const TEMPLATE = `
template_id: counted
version: 1.0.0
main: {steps: [{id: a, set: {values: {v: "1"}}}, {id: b, set: {values: {v: steps.a.output.v}}}]}
`;

test(`streams cut ${CUTS} times, with restarts between, come to what the journals hold`, async () => {
  const server = await startServer(QUICK);
  const ops = clientOf("Connect over HTTP/2", server);
  await ops.workflow.publishTemplate({ source: { source: { case: "text", value: TEMPLATE } } });
  const proxy = await startCuttingProxy(server.port);
  // The server as the watchers find it.
  const through = proxy as unknown as Server;
  const doors = [
    "Connect over HTTP/2",
    "gRPC",
    "gRPC-Web",
    "Connect with JSON over HTTP/1.1",
  ] as const;
  const clients = doors.map((door) => clientOf(door, through));
  const runs = [...clients, ...clients].map(watchRuns);
  const logs = [...clients, ...clients].map(tailLogs);
  const writing = new AbortController();
  const writer = write(ops, writing.signal);

  for (let restart = 1; restart <= RESTARTS + 1; restart++) {
    await until(
      () => proxy.cuts >= (CUTS * restart) / (RESTARTS + 1),
      () => `${proxy.cuts} cuts`,
    );
    if (restart <= RESTARTS) await server.crash();
  }
  writing.abort();
  await writer;
  proxy.spare();

  const journals = await readJournals(ops);
  expectOrdered(journals);
  for (const watcher of runs) {
    await watcher.until(({ length }) => length >= journals.runs.length);
    expectSame({ runs: watcher.entries }, journals);
  }
  for (const watcher of logs) {
    await watcher.until(({ length }) => length >= journals.logs.length);
    expectSame({ logs: watcher.entries }, journals);
  }
  expect(journals.runs.length).toBeGreaterThan(RESTARTS);
  expect(journals.logs.length).toBeGreaterThan(RESTARTS);
}, 600_000);

function watchRuns({ workflow }: OpsClient) {
  return collect<RunEntry>((after, options) => workflow.watchRuns(startAfter(after), options));
}

function tailLogs({ logging }: OpsClient) {
  return collect<LogEntry>((after, options) => logging.tailLogs(startAfter(after), options));
}

/** Runs and log entries, one after the other, each until it is acknowledged. */
async function write({ workflow, logging }: OpsClient, signal: AbortSignal): Promise<void> {
  for (let n = 1; !signal.aborted; n++) {
    const request = { templateId: "counted", requestId: `run-${n}` };
    await insist(() => workflow.startRun(request));
    await insist(() =>
      logging.logOperations({
        producerId: "writer",
        firstProducerSeq: BigInt(n),
        entries: [{ message: `entry ${n}` }],
        durability: 2,
      }),
    );
    await delay(WRITE_MS);
  }
}
