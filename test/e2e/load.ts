import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { AgentEntry } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { TaskState } from "../../gen/opscore/v1/task_pb.ts";
import { type RunEntry, RunState, type TaskChange } from "../../gen/opscore/v1/workflow_pb.ts";
import type { OpsClient } from "../../src/client/index.ts";
import { insist, keyOf, Ledger, PollingAgent, StreamingAgent } from "./agents.ts";
import { type Collector, collect, startAfter } from "./collect.ts";
import { clientOf } from "./doors.ts";
import type { Server } from "./server.ts";
import { expectEnded, expectOrdered, expectSame, readJournals } from "./validators.ts";

const RUNS_AT_ONCE = 8;
const OUTPUTS_READ = 20;
const END_MS = 120_000;
const TEMPLATE = `
template_id: work
version: 1.0.0
defaults:
  retry: { max_attempts: 50, initial_delay: 10ms, max_delay: 50ms }
main:
  mode: graph
  steps:
    - id: left
      task: { agent: { capability: work } }
    - id: right
      task: { agent: { capability: work } }
    - id: join
      needs: [left, right]
      task: { agent: { capability: work }, input: { of: "[steps.left.output, steps.right.output]" } }
`;

/** Agents that work, runs that start, watchers that look on, over every door; and what they know. */
export interface Load {
  readonly ledger: Ledger;
  readonly watchers: ReturnType<typeof startWatchers>;
  /** Aborts when no more runs are started. */
  readonly ending: AbortSignal;
  /** Lets everything end, and compares what the clients know with what the server kept. */
  end(): Promise<void>;
}

export async function startLoad(server: Server): Promise<Load> {
  const ops = clientOf("Connect over HTTP/2", server);
  await ops.workflow.publishTemplate({ source: { source: { case: "text", value: TEMPLATE } } });
  const ledger = new Ledger();
  const watchers = startWatchers(server);
  const [starting, working] = [new AbortController(), new AbortController()];
  const agents = startAgents(server, ledger, working.signal);
  const starter = startRuns(ops, ledger, watchers.runs[0], starting.signal);

  return {
    ledger,
    watchers,
    ending: starting.signal,
    async end() {
      await everyAgentWorked(ledger, ledger.completions.length);
      starting.abort();
      await starter;
      for (const runs of watchers.runs) await runs.until(haveEnded(ledger.runs));
      working.abort();
      await Promise.all(agents);

      const journals = await readJournals(ops);
      expectOrdered(journals);
      expectEnded(journals.runs);
      for (const runs of watchers.runs) {
        await runs.until(({ length }) => length >= journals.runs.length);
        expectSame({ runs: runs.entries }, journals);
      }
      for (const watcher of watchers.agents) {
        await watcher.until(({ length }) => length >= journals.agents.length);
        // Leases go on running: an agent may be missed after the journal was read.
        expectSame({ agents: watcher.entries.slice(0, journals.agents.length) }, journals);
      }
      expectTasks(journals.runs, ledger);
      expectStates(journals.agents, ledger);
      await expectRuns(ops, journals.runs, ledger);
    },
  };
}

function startWatchers(server: Server) {
  const [h2, grpc, ndjson, sse, h1] = [
    clientOf("Connect over HTTP/2", server),
    clientOf("gRPC", server),
    clientOf("curl and NDJSON", server),
    clientOf("curl and SSE", server),
    clientOf("Connect with JSON over HTTP/1.1", server),
  ];
  const runsOf = ({ workflow }: OpsClient) =>
    collect((after, options) => workflow.watchRuns(startAfter(after), options));
  const agentsOf = ({ lifecycle }: OpsClient) =>
    collect((after, options) => lifecycle.watchAgents(startAfter(after), options));
  return {
    runs: [runsOf(h2), runsOf(ndjson), longPollRuns(h1)],
    agents: [agentsOf(grpc), agentsOf(sse)],
  } as const;
}

/** The same by long polls. */
function longPollRuns({ workflow }: OpsClient): Collector<RunEntry> {
  return collect(async function* (after, options) {
    for (let cursor = after; ; ) {
      const request = { after: cursor, wait: { seconds: 5n } };
      const { entries, next } = await workflow.listRunEntries(request, options);
      cursor = next;
      yield { entries, cursor };
    }
  });
}

function startAgents(server: Server, ledger: Ledger, signal: AbortSignal) {
  const setup = (agentId: string, door: Parameters<typeof clientOf>[0]) => ({
    agentId,
    ops: clientOf(door, server),
    ledger,
    signal,
  });
  return [
    new StreamingAgent(setup("stream-1", "Connect over HTTP/2")),
    new StreamingAgent(setup("stream-2", "gRPC")),
    new PollingAgent(setup("poll-1", "Connect with JSON over HTTP/1.1")),
    new PollingAgent(setup("poll-2", "gRPC-Web")),
  ].map((agent) => agent.run());
}

/** Keeps some runs going. The server chooses their ids: only the request_id keeps a start from being two. */
async function startRuns(
  { workflow }: OpsClient,
  { runs }: Ledger,
  watcher: Collector<RunEntry>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const going = runs.length - watcher.entries.filter(isEnd).length;
    if (going < RUNS_AT_ONCE) {
      const request = { templateId: "work", requestId: `start-${runs.length}` };
      const { run } = await insist(() => workflow.startRun(request));
      runs.push(run?.runId ?? "");
    } else {
      await delay(5);
    }
  }
}

async function everyAgentWorked({ completions }: Ledger, since: number): Promise<void> {
  const working = () => new Set(completions.slice(since).map(({ agentId }) => agentId));
  await until(() => working().size === 4, working);
}

export async function until(holds: () => boolean, seen: () => unknown = () => ""): Promise<void> {
  const endMs = performance.now() + END_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited in vain: ${holds}`, { cause: seen() });
    await delay(1);
  }
}

const ENDS: readonly RunState[] = [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED];

function isEnd({ body }: RunEntry): boolean {
  return body.case === "run" && ENDS.includes(body.value.toState);
}

function haveEnded(runs: readonly string[]) {
  return (entries: readonly RunEntry[]) => {
    const ended = new Set(entries.filter(isEnd).map(({ runId }) => runId));
    return runs.every((runId) => ended.has(runId));
  };
}

/** The journal against what the agents know. */
function expectTasks(entries: readonly RunEntry[], ledger: Ledger): void {
  const changes = entries.flatMap(({ body }): TaskChange[] =>
    body.case === "task" ? [body.value] : [],
  );
  const reached = (state: TaskState) => changes.filter(({ toState }) => toState === state);
  const ends = [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED].flatMap(reached);
  const tasks = new Set(changes.map(({ taskId }) => taskId));
  expect(ends.map(({ taskId }) => taskId).sort()).toEqual([...tasks].sort());
  expect(ends.filter(({ toState }) => toState !== TaskState.SUCCEEDED)).toEqual([]);

  const succeeded = new Map(ends.map((change) => [change.taskId, change.leaseEpoch]));
  expect(ledger.completions.length).toBeGreaterThan(0);
  for (const { taskId, leaseEpoch } of ledger.completions) {
    expect([taskId, succeeded.get(taskId)]).toEqual([taskId, leaseEpoch]);
  }
  const failed = new Set(reached(TaskState.RETRY_WAIT).map(keyOf));
  for (const failure of ledger.failures) expect(failed).toContain(keyOf(failure));

  const handed = new Map(reached(TaskState.ASSIGNED).map((c) => [keyOf(c), c]));
  const holders = new Map<string, string>();
  for (const { agentId, task } of ledger.handOuts) {
    const key = keyOf(task);
    expect(handed.get(key)).toMatchObject({ agentId, attempt: task.attempt });
    expect([key, holders.get(key) ?? agentId]).toEqual([key, agentId]);
    holders.set(key, agentId);
  }
}

function expectStates(entries: readonly AgentEntry[], { states }: Ledger): void {
  expect(states.length).toBeGreaterThan(0);
  const kept = new Map(
    entries.map(({ agentId, sequence, statusText }) => [`${agentId}/${sequence}`, statusText]),
  );
  for (const { agentId, revision, text } of states) {
    expect([agentId, revision, kept.get(`${agentId}/${revision}`)]).toEqual([
      agentId,
      revision,
      text,
    ]);
  }
}

/** Every start that was acknowledged is a run of its own, and there is no other. */
async function expectRuns(
  { workflow }: OpsClient,
  entries: readonly RunEntry[],
  { runs, completions }: Ledger,
): Promise<void> {
  const kept = new Set(entries.map(({ runId }) => runId).filter((runId) => runId !== ""));
  expect([...kept].sort()).toEqual([...runs].sort());
  expect(
    entries
      .filter(isEnd)
      .every((e) => e.body.case === "run" && e.body.value.toState === RunState.SUCCEEDED),
  ).toBe(true);
  for (const { taskId, output } of completions.slice(-OUTPUTS_READ)) {
    const { task } = await workflow.getTask({ taskId });
    expect(task?.output?.data.value).toMatchObject({ kind: { value: output } });
  }
}
