import { VERSION } from "../version.ts";
import { command } from "./command.ts";
import { CALL_EXITS } from "./help.ts";
import type { View } from "./output/view.ts";

/** What is counted is counted up to here, so that a large fleet answers as fast. */
const COUNTED_MAX = 1_000;

interface Status {
  readonly server: string;
  readonly version: string;
  readonly client: string;
  readonly store: string;
  readonly replica: string;
  readonly principal: string;
  readonly namespace: string;
  readonly agents: Counts;
  readonly runs: Counts;
}

/** How many there are; with `more`, at least so many. */
interface Counts {
  readonly total: number;
  readonly more: boolean;
  readonly by: Readonly<Record<string, number>>;
}

const statuses: View<Status> = {
  noun: "server",
  id: ({ replica }) => replica,
  columns: [
    { head: "SERVER", field: "server" },
    { head: "VERSION", field: "version" },
    { head: "CLIENT", field: "client" },
    { head: "STORE", field: "store" },
    { head: "REPLICA", field: "replica", wide: true },
    { head: "YOU ARE", field: "principal" },
    { head: "NAMESPACE", field: "namespace" },
    { head: "AGENTS", field: "agents", text: ({ agents }) => wordsOf(agents) },
    { head: "OPEN RUNS", field: "runs", text: ({ runs }) => wordsOf(runs) },
  ],
};

export const statusCommand = command({
  path: "status",
  summary: "what the server is, who you are to it, and what there is",
  prints: statuses,
  examples: [
    {
      run: "opscore status",
      shows:
        /SERVER +http\S+\nVERSION +\d\S+\n(.*\n)*AGENTS +3: .*1 ACTIVE.*\nOPEN RUNS +1: 1 RUNNING\n/,
    },
    { run: "opscore status --json version,agents", shows: /"total": 3/ },
  ],
  exits: CALL_EXITS,
  async run(context) {
    const lifecycle = await context.ops.lifecycle();
    const workflow = await context.ops.workflow();
    const { AgentStateSchema } = await import("../../gen/opscore/v1/lifecycle_pb.ts");
    const { RunStateSchema } = await import("../../gen/opscore/v1/workflow_pb.ts");
    const filter = 'state in ["RUNNING", "CANCELLING"]';
    const [info, agents, runs] = await Promise.all([
      lifecycle.getServerInfo({}),
      lifecycle.listAgents({ pageSize: COUNTED_MAX }),
      workflow.listRuns({ filter, pageSize: COUNTED_MAX }),
    ]);
    await context.print.one({
      server: context.settings.server,
      version: info.version,
      client: VERSION,
      store: info.store,
      replica: info.replicaId,
      principal: info.principal,
      namespace: info.namespace,
      agents: count(agents.agents, AgentStateSchema, agents.nextPageToken),
      runs: count(runs.runs, RunStateSchema, runs.nextPageToken),
    });
  },
});

function count(
  items: readonly { readonly state: number }[],
  { value }: { readonly value: Readonly<Record<number, { readonly localName: string }>> },
  next: string,
): Counts {
  const groups = Map.groupBy(items, ({ state }) => value[state]?.localName ?? String(state));
  const by = Object.fromEntries([...groups].map(([state, { length }]) => [state, length]));
  return { total: items.length, more: next !== "", by };
}

function wordsOf({ total, more, by }: Counts): string {
  const parts = Object.entries(by).map(([state, number]) => `${number} ${state}`);
  const all = `${total}${more ? " or more" : ""}`;
  return parts.length === 0 ? all : `${all}: ${parts.join(", ")}`;
}
