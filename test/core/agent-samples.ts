import type { Agent, AgentCommand, AgentSpec } from "../../src/core/agent.ts";
import { decideAgent } from "../../src/core/agent-decide.ts";
import { foldAgent } from "../../src/core/agent-fold.ts";

export const NOW_MS = 1_000_000;
export const LEASE_MS = 30_000;

export const SPEC: AgentSpec = {
  version: "1.2.0",
  capabilities: [{ name: "plan", version: "2.1.0" }, { name: "write" }],
  labels: { team: "b" },
  slots: 2,
};

export function register(spec: AgentSpec = SPEC): AgentCommand {
  return { type: "register", agentId: "ada", spec };
}

export function open(
  sessionId: string,
  ifLive: "take_over" | "fail" = "take_over",
): Extract<AgentCommand, { type: "open_session" }> {
  return { type: "open_session", sessionId, leaseMs: LEASE_MS, peer: "127.0.0.1", ifLive };
}

export function report(
  state: Agent["state"],
  session?: { sessionId: string; epoch: number },
  statusText = "",
): Extract<AgentCommand, { type: "report" }> {
  return { type: "report", state, statusText, ...(session !== undefined && { session }) };
}

/** The agent after these commands, one after the other. */
export function made(...commands: readonly AgentCommand[]): Agent {
  return from(undefined, ...commands);
}

export function from(agent: Agent | undefined, ...commands: readonly AgentCommand[]): Agent {
  const last = commands.reduce<Agent | undefined>(
    (before, command) => foldAgent(before, decideAgent(before, command, NOW_MS), NOW_MS),
    agent,
  );
  if (last === undefined) throw new Error("no commands");
  return last;
}

/** An agent that works: registered, with the open session `s1` of epoch 1. */
export const LIVE: Agent = made(register(), open("s1"));
