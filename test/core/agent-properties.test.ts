import fc from "fast-check";
import { expect, test } from "vitest";
import type { Agent, AgentCommand, AgentEvent, AgentState } from "../../src/core/agent.ts";
import { decideAgent } from "../../src/core/agent-decide.ts";
import { evolveAgent, foldAgent } from "../../src/core/agent-fold.ts";
import { LIVENESS_MOVES, TRANSITIONS } from "../../src/core/agent-states.ts";
import { Refused } from "../../src/core/errors.ts";
import { LEASE_MS, SPEC } from "./agent-samples.ts";

const sessionId = fc.constantFrom("s1", "s2", "s3", "s4");
const epoch = fc.integer({ min: 1, max: 5 });
const session = fc.record({ sessionId, epoch });
const state = fc.constantFrom(...(Object.keys(TRANSITIONS) as AgentState[]));

const command: fc.Arbitrary<AgentCommand> = fc.oneof(
  fc.record({
    type: fc.constant("register" as const),
    agentId: fc.constant("ada"),
    spec: fc.constantFrom(SPEC, { ...SPEC, slots: 1 }),
  }),
  fc.record({ type: fc.constant("update" as const), spec: fc.constant(SPEC) }),
  fc.record({
    type: fc.constant("deregister" as const),
    force: fc.boolean(),
    leases: fc.nat({ max: 1 }),
  }),
  fc.record({
    type: fc.constant("open_session" as const),
    sessionId,
    leaseMs: fc.constant(LEASE_MS),
    peer: fc.constant(""),
    ifLive: fc.constantFrom("take_over" as const, "fail" as const),
  }),
  session.map((s) => ({ type: "close_session" as const, ...s, reason: "" })),
  fc.record(
    {
      type: fc.constant("report" as const),
      state,
      statusText: fc.constantFrom("", "busy"),
      session,
    },
    { requiredKeys: ["type", "state", "statusText"] },
  ),
  fc.record({
    type: fc.constant("check_session" as const),
    epoch,
    untilMs: fc.nat({ max: 3 * LEASE_MS }),
    leaseMs: fc.constant(LEASE_MS),
  }),
  session.chain((s) => fc.boolean().map((stalled) => ({ type: "heard" as const, ...s, stalled }))),
);
const history = fc.array(fc.record({ command, stepMs: fc.nat({ max: LEASE_MS }) }), {
  maxLength: 40,
});

function decide(agent: Agent | undefined, given: AgentCommand, nowMs: number): AgentEvent[] {
  try {
    return decideAgent(agent, given, nowMs);
  } catch (error) {
    if (error instanceof Refused) return [];
    throw error;
  }
}

test("whatever comes, moves stay on the tables, epochs rise, and a repeated command changes nothing more", () => {
  fc.assert(
    fc.property(history, (steps) => {
      let agent: Agent | undefined;
      let nowMs = 0;
      for (const { command: given, stepMs } of steps) {
        nowMs += stepMs;
        const before = agent;
        const events = decide(before, given, nowMs);
        for (const event of events) {
          holds(agent, event, given);
          agent = evolveAgent(agent, event, nowMs);
        }
        if (events.length === 0) continue;
        expect(agent).toEqual(foldAgent(before, events, nowMs));
        expect(decide(agent, given, nowMs)).toEqual([]);
        if (agent !== undefined) isWhole(agent);
      }
    }),
    { numRuns: 500 },
  );
});

/** No event leaves the tables; what opens a session may set the state as it likes. */
function holds(agent: Agent | undefined, event: AgentEvent, given: AgentCommand): void {
  if (event.type === "state_changed") {
    expect(event.from).toBe(agent?.state);
    if (given.type === "open_session") expect(event.to).toBe("initializing");
    else if (event.from !== event.to) expect(TRANSITIONS[event.from]).toContain(event.to);
  }
  if (event.type === "liveness_changed") {
    expect(event.from).toBe(agent?.liveness);
    expect(LIVENESS_MOVES[event.from]).toContain(event.to);
    if (given.type === "report") expect(given.session).toBeDefined();
  }
  if (event.type === "session_opened") {
    expect(event.session.epoch).toBe((agent?.session?.epoch ?? 0) + 1);
    if (agent?.session !== undefined) expect(agent.session.closedAtMs).toBeDefined();
  }
}

/** Observed exactly while a session is open; removed means nothing is. */
function isWhole({ session: last, liveness, removed, state: said }: Agent): void {
  const isOpen = last !== undefined && last.closedAtMs === undefined;
  expect(liveness !== "unspecified").toBe(isOpen);
  if (removed) expect([isOpen, said]).toEqual([false, "offline"]);
}
