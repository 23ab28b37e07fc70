import { describe, expect, test } from "vitest";
import type { Agent, AgentCommand, AgentState, Liveness } from "../../src/core/agent.ts";
import { decideAgent } from "../../src/core/agent-decide.ts";
import { evolveAgent, foldAgent } from "../../src/core/agent-fold.ts";
import { TRANSITIONS } from "../../src/core/agent-states.ts";
import { agentView, isSelectable } from "../../src/core/agent-view.ts";
import type { Refusal } from "../../src/core/errors.ts";
import {
  from,
  LEASE_MS,
  LIVE,
  made,
  NOW_MS,
  open,
  register,
  report,
  SPEC,
} from "./agent-samples.ts";

const STATES = Object.keys(TRANSITIONS) as AgentState[];
const S1 = { sessionId: "s1", epoch: 1 };

/** What `decideAgent` says, as types of events or as the refusal. */
function decide(agent: Agent | undefined, command: AgentCommand, nowMs = NOW_MS) {
  return decideAgent(agent, command, nowMs);
}

function refusal(agent: Agent | undefined, command: AgentCommand): Refusal {
  try {
    decide(agent, command);
  } catch (error) {
    return (error as { refusal: Refusal }).refusal;
  }
  throw new Error(`not refused: ${command.type}`);
}

describe("registration", () => {
  test("makes an agent of which nothing is known yet", () => {
    expect(made(register())).toEqual({
      agentId: "ada",
      spec: SPEC,
      state: "unspecified",
      statusText: "",
      liveness: "unspecified",
      stateAtMs: NOW_MS,
      registeredAtMs: NOW_MS,
      removed: false,
    });
  });

  test("again with the same spec changes nothing, whatever the order of its keys", () => {
    const { slots, labels, ...rest } = SPEC;
    expect(decide(LIVE, register({ slots, labels, ...rest }))).toEqual([]);
    expect(decide(LIVE, { type: "update", spec: { ...SPEC } })).toEqual([]);
  });

  test("again with another spec replaces it and nothing else", () => {
    const spec = { ...SPEC, slots: 7 };
    expect(decide(LIVE, register(spec))).toEqual([{ type: "updated", spec }]);
    expect(from(LIVE, register(spec))).toEqual({ ...LIVE, spec });
    expect(from(LIVE, { type: "update", spec })).toEqual({ ...LIVE, spec });
  });

  test.each([
    ["one label more", { ...SPEC, labels: { team: "b", more: "1" } }],
    ["a missing capability", { ...SPEC, capabilities: [] }],
    ["another word", { ...SPEC, version: "1.2.1" }],
    ["a part that was left out", { ...SPEC, displayName: "Ada" }],
  ])("a spec differs by %s", (_, spec) => {
    expect(decide(LIVE, { type: "update", spec })).toHaveLength(1);
  });

  test("every other command needs one", () => {
    const commands: AgentCommand[] = [
      { type: "update", spec: SPEC },
      { type: "deregister", force: true, leases: 0 },
      open("s1"),
      { type: "close_session", ...S1, reason: "" },
      report("idle"),
      { type: "heard", ...S1, stalled: false },
    ];
    const removed = from(LIVE, { type: "deregister", force: true, leases: 0 });
    for (const command of commands) {
      expect(refusal(undefined, command)).toEqual({ code: "not_found", what: "agent", id: "" });
      expect(refusal(removed, command)).toEqual({ code: "not_found", what: "agent", id: "ada" });
    }
  });
});

describe("removal", () => {
  const remove = (force: boolean, leases = 0): AgentCommand => ({
    type: "deregister",
    force,
    leases,
  });

  test("ends the session, makes the agent offline and unobserved", () => {
    expect(decide(from(LIVE, report("active", S1)), remove(true))).toEqual([
      { type: "session_closed", ...S1, reason: "deregistered" },
      { type: "state_changed", from: "active", to: "offline", statusText: "" },
      { type: "liveness_changed", from: "live", to: "unspecified" },
      { type: "deregistered" },
    ]);
  });

  test("of an agent in use needs force", () => {
    expect(refusal(LIVE, remove(false))).toEqual({
      code: "agent_in_use",
      agentId: "ada",
      message: "its session is live",
    });
    expect(refusal(made(register()), remove(false, 1))).toMatchObject({
      code: "agent_in_use",
      message: "tasks it holds: 1",
    });
    const idle = made(register(), open("s1"), { type: "close_session", ...S1, reason: "" });
    expect(decide(idle, remove(false))).toEqual([{ type: "deregistered" }]);
    const lost = from(LIVE, check(1, NOW_MS));
    expect(decide(lost, remove(false)).map((event) => event.type)).toContain("deregistered");
  });

  test("an agent that comes back goes on with its epochs", () => {
    const removed = from(LIVE, remove(true));
    expect(removed).toMatchObject({ removed: true, liveness: "unspecified", state: "offline" });
    const back = from(removed, register({ ...SPEC, slots: 1 }));
    expect(back).toMatchObject({ removed: false, spec: { slots: 1 }, session: { epoch: 1 } });
    expect(from(back, open("s2")).session).toMatchObject({ sessionId: "s2", epoch: 2 });
  });
});

describe("sessions", () => {
  test("opening makes the agent initializing and live", () => {
    expect(decide(made(register()), open("s1"))).toEqual([
      {
        type: "session_opened",
        session: {
          sessionId: "s1",
          agentId: "ada",
          epoch: 1,
          leaseMs: LEASE_MS,
          openedAtMs: NOW_MS,
          peer: "127.0.0.1",
        },
      },
      { type: "state_changed", from: "unspecified", to: "initializing", statusText: "" },
      { type: "liveness_changed", from: "unspecified", to: "live" },
    ]);
    expect(decide(LIVE, open("s1"))).toEqual([]);
  });

  test("a newer one takes over: the older closes in the same list", () => {
    expect(decide(LIVE, open("s2"))).toMatchObject([
      { type: "session_closed", ...S1, reason: "superseded" },
      { type: "session_opened", session: { sessionId: "s2", epoch: 2 } },
    ]);
  });

  test("taking over clears what the last incarnation said", () => {
    const said = from(LIVE, { ...report("initializing", S1, "warming up"), details: { n: 1 } });
    expect(from(said, open("s2"))).toMatchObject({ state: "initializing", statusText: "" });
    const detailed = from(LIVE, { ...report("initializing", S1), details: { n: 1 } });
    expect(from(detailed, open("s2")).details).toBeUndefined();
  });

  test.each<[Liveness, boolean]>([
    ["live", true],
    ["suspect", true],
    ["stalled", true],
    ["lost", false],
  ])("if_live fail against a %s session refuses: %s", (liveness, isRefused) => {
    const agent = { ...LIVE, liveness };
    if (isRefused) {
      const expected = { code: "session_live", agentId: "ada", retryAfterMs: LEASE_MS };
      expect(refusal(agent, open("s2", "fail"))).toEqual(expected);
    } else {
      expect(decide(agent, open("s2", "fail"))).not.toEqual([]);
    }
  });

  test("if_live fail opens where no session is open", () => {
    const closed = from(LIVE, { type: "close_session", ...S1, reason: "bye" });
    expect(from(closed, open("s2", "fail")).session).toMatchObject({ epoch: 2 });
    expect(from(made(register()), open("s1", "fail")).session).toMatchObject({ epoch: 1 });
  });

  test("closing makes the agent offline and unobserved; again is fine", () => {
    const close: AgentCommand = { type: "close_session", ...S1, reason: "bye" };
    const closed = from(LIVE, close);
    expect(closed).toMatchObject({
      state: "offline",
      liveness: "unspecified",
      session: { closedAtMs: NOW_MS, closeReason: "bye" },
    });
    expect(decide(closed, close)).toEqual([]);
    expect(from(closed, open("s2"))).toMatchObject({ state: "initializing", liveness: "live" });
  });

  const two = from(LIVE, open("s2"));
  const closedTwo = from(two, { type: "close_session", sessionId: "s2", epoch: 2, reason: "" });
  test.each<[string, Agent, { sessionId: string; epoch: number }, Refusal]>([
    ["an older epoch", two, S1, { code: "session_superseded", sessionId: "s1", epoch: 2 }],
    [
      "a closed session",
      closedTwo,
      { sessionId: "s2", epoch: 2 },
      { code: "session_closed", sessionId: "s2" },
    ],
    ["another id", LIVE, { sessionId: "x", epoch: 1 }, notFound("x")],
    ["an epoch to come", LIVE, { sessionId: "s1", epoch: 2 }, notFound("s1")],
    ["no session at all", made(register()), S1, notFound("s1")],
  ])("%s is fenced", (_, agent, session, expected) => {
    expect(refusal(agent, report("idle", session))).toEqual(expected);
    expect(refusal(agent, { type: "heard", ...session, stalled: false })).toEqual(expected);
    if (expected.code !== "session_closed") {
      expect(refusal(agent, { type: "close_session", ...session, reason: "" })).toEqual(expected);
    }
  });

  function notFound(id: string): Refusal {
    return { code: "not_found", what: "session", id };
  }
});

describe("reports", () => {
  const pairs = STATES.flatMap((a) => STATES.map((b) => [a, b] as const));

  test.each(pairs)("%s to %s is decided by the table", (state, to) => {
    const agent: Agent = { ...LIVE, state };
    if (state === to) {
      expect(decide(agent, report(to, S1))).toEqual([]);
    } else if (TRANSITIONS[state].includes(to)) {
      const changed = { type: "state_changed", from: state, to, statusText: "" };
      expect(decide(agent, report(to, S1))).toEqual([changed]);
    } else {
      const expected = { code: "illegal_transition", agentId: "ada", from: state, to };
      expect(refusal(agent, report(to, S1))).toEqual(expected);
    }
  });

  test("the table is that of the contract", () => {
    expect(TRANSITIONS.unspecified).toEqual(STATES.filter((state) => state !== "unspecified"));
    expect(TRANSITIONS.initializing).toContain("active");
    for (const state of STATES) expect(TRANSITIONS[state]).not.toContain("unspecified");
  });

  test("other words in the same state are history, but no new state", () => {
    const agent = { ...LIVE, stateAtMs: 1 };
    const said = report("initializing", S1, "loading");
    const changed = from(agent, said);
    expect(changed).toMatchObject({ statusText: "loading", stateAtMs: 1 });
    expect(decide(changed, said)).toEqual([]);
    expect(from(agent, report("idle", S1)).stateAtMs).toBe(NOW_MS);
  });

  test("details and the agent's own time are kept, old details are not", () => {
    const said = { ...report("idle", S1), details: { load: [1, { cpu: 2 }] }, eventTimeMs: 5 };
    expect(decide(LIVE, said)).toMatchObject([
      { details: { load: [1, { cpu: 2 }] }, eventTimeMs: 5 },
    ]);
    const detailed = from(LIVE, said);
    expect(decide(detailed, said)).toEqual([]);
    expect(decide(detailed, { ...said, details: { load: { 0: 1, 1: { cpu: 2 } } } })).toHaveLength(
      1,
    );
    expect(from(detailed, report("active", S1)).details).toBeUndefined();
  });

  test("details named like the parts of every object are compared by value", () => {
    const odd = JSON.parse('{"__proto__": {"a": 1}}');
    const said = { ...report("idle", S1), details: odd };
    expect(decide(from(LIVE, said), { ...said, details: {} })).toHaveLength(1);
    expect(decide(from(LIVE, said), said)).toEqual([]);
  });

  test("with a session they are a sign of life, without they are not", () => {
    const lost = from(LIVE, check(1, NOW_MS));
    expect(decide(lost, report("idle", S1))[0]).toEqual({
      type: "liveness_changed",
      from: "lost",
      to: "live",
    });
    expect(from(lost, report("idle"))).toMatchObject({ state: "idle", liveness: "lost" });
    expect(from(lost, report("initializing", S1))).toMatchObject({ liveness: "live" });
  });
});

describe("liveness", () => {
  const until = NOW_MS + LEASE_MS;

  test.each<[Liveness, number, Liveness]>([
    ["live", until - LEASE_MS / 2 - 1, "live"],
    ["live", until - LEASE_MS / 2, "suspect"],
    ["live", until - 1, "suspect"],
    ["live", until, "lost"],
    ["suspect", until - LEASE_MS / 2, "suspect"],
    ["suspect", until, "lost"],
    ["stalled", until - LEASE_MS / 2, "suspect"],
    ["stalled", until, "lost"],
    ["lost", until - 1, "lost"],
    ["lost", until, "lost"],
  ])("%s, checked at %d, is %s", (liveness, nowMs, expected) => {
    const agent = { ...LIVE, liveness };
    const events = decide(agent, check(1, until), nowMs);
    expect(events).toHaveLength(liveness === expected ? 0 : 1);
    expect(foldAgent(agent, events, nowMs).liveness).toBe(expected);
  });

  test("a check of another epoch, of a closed session or of nobody decides nothing", () => {
    const two = from(LIVE, open("s2"));
    expect(decide(two, check(1, NOW_MS))).toEqual([]);
    const closed = from(LIVE, { type: "close_session", ...S1, reason: "" });
    expect(decide(closed, check(1, NOW_MS))).toEqual([]);
    expect(decide(undefined, check(1, NOW_MS))).toEqual([]);
  });

  test.each<[Liveness, boolean, Liveness]>([
    ["live", false, "live"],
    ["suspect", false, "live"],
    ["stalled", false, "live"],
    ["lost", false, "live"],
    ["live", true, "stalled"],
    ["suspect", true, "stalled"],
    ["stalled", true, "stalled"],
    ["lost", true, "stalled"],
  ])("%s, heard with stalled %s, is %s", (liveness, stalled, expected) => {
    const agent = { ...LIVE, liveness };
    const events = decide(agent, { type: "heard", ...S1, stalled });
    expect(events).toHaveLength(liveness === expected ? 0 : 1);
    expect(foldAgent(agent, events, NOW_MS)).toEqual({ ...agent, liveness: expected });
  });
});

describe("who may be handed tasks", () => {
  test.each<[string, Partial<Agent>, ReturnType<typeof isSelectable>]>([
    ["an agent just started", {}, true],
    ["an idle one", { state: "idle" }, true],
    ["a busy one", { state: "active" }, true],
    ["one that waits", { state: "waiting" }, true],
    ["one that never said anything", { state: "unspecified" }, true],
    ["a removed one", { removed: true }, "removed"],
    ["a suspect one", { liveness: "suspect" }, "suspect"],
    ["a stalled one", { liveness: "stalled" }, "stalled"],
    ["a lost one", { liveness: "lost" }, "lost"],
    ["one in error", { state: "error" }, "error"],
    ["a draining one", { state: "draining" }, "draining"],
    ["one that says it is offline", { state: "offline" }, "offline"],
    ["an unobserved one", { liveness: "unspecified" }, "no_session"],
  ])("%s", (_, change, expected) => {
    expect(isSelectable({ ...LIVE, ...change })).toBe(expected);
  });

  test("nobody without an open session", () => {
    expect(isSelectable(made(register()))).toBe("no_session");
    const closed = from(LIVE, { type: "close_session", ...S1, reason: "" });
    expect(isSelectable({ ...closed, liveness: "live" })).toBe("no_session");
  });
});

test("a view is what filters can name", () => {
  expect(agentView(LIVE)).toEqual({
    state: "initializing",
    liveness: "live",
    version: "1.2.0",
    labels: { team: "b" },
    capabilities: ["plan", "write"],
  });
  const { version: _, ...spec } = SPEC;
  expect(agentView({ ...LIVE, spec })).not.toHaveProperty("version");
});

test("a fold that makes no sense is a bug, not a refusal", () => {
  expect(() => foldAgent(undefined, [{ type: "deregistered" }], 0)).toThrow("never registered");
  expect(() => foldAgent(undefined, [], 0)).toThrow("never registered");
  const end = { type: "session_closed", ...S1, reason: "" } as const;
  expect(() => evolveAgent(made(register()), end, 0)).toThrow("never opened");
  expect(() => evolveAgent(LIVE, { type: "?" } as never, 0)).toThrow("unreachable");
  expect(() => decide(LIVE, { type: "?" } as never)).toThrow("unreachable");
});

function check(epoch: number, untilMs: number): AgentCommand {
  return { type: "check_session", epoch, untilMs, leaseMs: LEASE_MS };
}
