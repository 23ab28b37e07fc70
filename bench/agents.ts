import { create, toBinary } from "@bufbuild/protobuf";
import {
  AgentState,
  type ReportAgentsRequest,
  ReportAgentsRequestSchema,
  type ReportStateRequest,
  ReportStateRequestSchema,
  type Session,
} from "../gen/opscore/v1/lifecycle_pb.ts";
import type { OpsClient } from "../src/client/index.ts";

/** So long that no lease of a session ends while something else is measured. */
const LEASE = { seconds: 600n };
/** Agents cannot be registered all at once: calls in flight are bounded. */
const AT_ONCE = 64;

/** Registers agents, each with an open session. */
export async function registerAgents(
  { lifecycle }: OpsClient,
  count: number,
  spec: { readonly slots?: number; readonly capabilities?: { readonly name: string }[] } = {},
): Promise<readonly Session[]> {
  const sessions: Session[] = [];
  while (sessions.length < count) {
    const left = Math.min(AT_ONCE, count - sessions.length);
    const opened = Array.from({ length: left }, async (_, i) => {
      const agentId = `agent-${sessions.length + i}`;
      const openSession = { leaseDuration: LEASE };
      const { agent } = await lifecycle.registerAgent({ agentId, spec, openSession });
      if (agent?.session === undefined) throw new Error("no session was opened");
      return agent.session;
    });
    sessions.push(...(await Promise.all(opened)));
  }
  return sessions;
}

/** What agents say in turn: each time something else, so that each is a change. */
const TURNS = [
  { state: AgentState.ACTIVE, statusText: "reads the sources of the question" },
  { state: AgentState.IDLE, statusText: "waits for the next question" },
];

/** The report of an agent for every turn, encoded. */
export function reportsOf(session: Session): readonly Uint8Array[] {
  return TURNS.map((turn) => {
    const request: ReportStateRequest = create(ReportStateRequestSchema, {
      report: reportOf(session, turn),
    });
    return toBinary(ReportStateRequestSchema, request);
  });
}

/** The reports of many agents as one batch for every turn, encoded. */
export function batchesOf(sessions: readonly Session[]): readonly Uint8Array[] {
  return TURNS.map((turn) => {
    const request: ReportAgentsRequest = create(ReportAgentsRequestSchema, {
      reports: sessions.map((session) => {
        return { report: { case: "state" as const, value: reportOf(session, turn) } };
      }),
    });
    return toBinary(ReportAgentsRequestSchema, request);
  });
}

function reportOf({ agentId, sessionId, epoch }: Session, turn: (typeof TURNS)[number]) {
  return { agentId, sessionId, epoch, ...turn };
}
