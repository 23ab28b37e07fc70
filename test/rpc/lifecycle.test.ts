import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/opscore/v1/errors_pb.ts";
import {
  AgentState,
  IfSessionLive,
  LifecycleService,
  Liveness,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import { callOf, openRig, type Rig, refusalOf } from "./rig.ts";

const { method } = LifecycleService;
let rig: Rig;

beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

const register = (agentId: string, call = callOf()) =>
  rig.ask(
    method.registerAgent,
    {
      agentId,
      spec: { capabilities: [{ name: "plan", version: "1.0.0" }], labels: { team: "b" } },
      openSession: {},
    },
    call,
  );

describe("agents", () => {
  test("register, and open their session in the same call", async () => {
    const { agent, created } = await register("ada");
    expect(created).toBe(true);
    expect(agent).toMatchObject({
      agentId: "ada",
      spec: { slots: 1, labels: { team: "b" } },
      state: AgentState.INITIALIZING,
      liveness: Liveness.LIVE,
      session: {
        epoch: 1,
        agentId: "ada",
        peer: "127.0.0.1 test",
        heartbeatInterval: { seconds: 10n },
      },
    });
    expect((await register("ada")).created).toBe(false);
  });

  test("get an id when they have none; an agent's credential gives its own", async () => {
    const { agent } = await rig.ask(method.registerAgent, { spec: {} });
    expect(agent?.agentId).toMatch(/^[0-9a-f-]{36}$/);
    const own = await rig.ask(
      method.registerAgent,
      { spec: {} },
      callOf({ principal: "agent:bo" }),
    );
    expect(own.agent?.agentId).toBe("bo");
  });

  test("a repeated request gets the first answer again, and says so", async () => {
    const request = { agentId: "ada", spec: {}, openSession: {}, requestId: "r1" };
    const first = await rig.ask(method.registerAgent, request);
    const call = callOf();
    expect(await rig.ask(method.registerAgent, request, call)).toEqual(first);
    expect(call.responseHeaders.get("opscore-replayed")).toBe("1");
    const other = rig.ask(method.registerAgent, { ...request, agentId: "bo" });
    expect(await refusalOf(other)).toMatchObject({ code: "request_id_reused" });
  });

  test("change only in the fields that the mask names, also to nothing", async () => {
    await rig.ask(method.registerAgent, {
      agentId: "ada",
      spec: { displayName: "Ada", version: "1", labels: { a: "1" }, slots: 3 },
    });
    const { agent } = await rig.ask(method.updateAgent, {
      agentId: "ada",
      spec: { labels: { b: "2" } },
      updateMask: { paths: ["labels", "display_name"] },
    });
    expect(agent?.spec).toMatchObject({
      displayName: "",
      version: "1",
      labels: { b: "2" },
      slots: 3,
    });
    const late = rig.ask(method.updateAgent, {
      agentId: "ada",
      spec: {},
      updateMask: { paths: ["slots"] },
      expectedRevision: 1,
    });
    expect(await refusalOf(late)).toMatchObject({ code: "revision_mismatch" });
  });

  test("act only for the agent of their credential", async () => {
    await register("ada");
    const bo = () => callOf({ principal: "agent:bo" });
    const mismatch = { code: "identity_mismatch", agentId: "ada" };
    expect(await refusalOf(register("ada", bo()))).toMatchObject(mismatch);
    const report = rig.ask(
      method.reportState,
      { report: { agentId: "ada", state: AgentState.IDLE } },
      bo(),
    );
    expect(await refusalOf(report)).toMatchObject(mismatch);
    const session = rig.ask(method.openSession, { agentId: "ada" }, bo());
    expect(await refusalOf(session)).toMatchObject(mismatch);
  });

  test("a last page that is full is the last one", async () => {
    for (const agentId of ["a", "b", "c"]) await register(agentId);
    const filter = "agent_id != 'c'";
    for (const request of [{ pageSize: 3 }, { pageSize: 2, filter }]) {
      const { agents, nextPageToken } = await rig.ask(method.listAgents, request);
      expect([agents.length, nextPageToken]).toEqual([request.pageSize, ""]);
    }
    const first = await rig.ask(method.listAgents, { pageSize: 1, filter });
    const second = await rig.ask(method.listAgents, {
      pageSize: 1,
      filter,
      pageToken: first.nextPageToken,
    });
    expect(second).toMatchObject({ agents: [{ agentId: "b" }], nextPageToken: "" });
  });

  test("are listed by page; the watch goes on from the first", async () => {
    for (const agentId of ["c", "a", "b"]) await register(agentId);
    const first = await rig.ask(method.listAgents, {
      pageSize: 2,
      filter: "labels['team'] == 'b'",
    });
    expect(first.agents.map(({ agentId }) => agentId)).toEqual(["a", "b"]);
    expect(first.watchFrom).not.toBe("");
    const rest = { pageSize: 2, pageToken: first.nextPageToken, filter: "labels['team'] == 'b'" };
    const second = await rig.ask(method.listAgents, rest);
    expect(second).toMatchObject({ agents: [{ agentId: "c" }], nextPageToken: "", watchFrom: "" });
    const others = rig.ask(method.listAgents, { ...rest, filter: "" });
    expect(await refusalOf(others)).toMatchObject({ code: "invalid_page_token" });
    const wrong = rig.ask(method.listAgents, { filter: "colour == 'red'" });
    expect(await refusalOf(wrong)).toMatchObject({ code: "invalid_filter" });
  });

  test("are not seen from another namespace", async () => {
    await register("ada");
    const elsewhere = callOf({ namespace: "other" });
    expect((await rig.ask(method.listAgents, {}, elsewhere)).agents).toEqual([]);
    const get = rig.ask(method.getAgent, { agentId: "ada" }, elsewhere);
    expect(await refusalOf(get)).toMatchObject({ code: "not_found", what: "agent" });
  });

  test("can be waited for", async () => {
    const revision = (await register("ada")).agent?.revision ?? 0;
    const wait = { seconds: 20n };
    const waiting = rig.ask(method.getAgent, { agentId: "ada", afterRevision: revision, wait });
    await rig.ask(method.reportState, { report: { agentId: "ada", state: AgentState.IDLE } });
    expect((await waiting).agent?.state).toBe(AgentState.IDLE);
  });

  test("a wait ends when the server shuts down, with what there is", async () => {
    const revision = (await register("ada")).agent?.revision ?? 0;
    const call = callOf();
    const message = { agentId: "ada", afterRevision: revision, wait: { seconds: 20n } };
    const waiting = rig.ask(method.getAgent, message, call);
    call.drain();
    expect((await waiting).agent?.revision).toBe(revision);
  });

  test("leave, unless they are in use", async () => {
    await register("ada");
    const leave = { agentId: "ada" };
    expect(await refusalOf(rig.ask(method.deregisterAgent, leave))).toMatchObject({
      code: "agent_in_use",
    });
    const { agent } = await rig.ask(method.deregisterAgent, { ...leave, force: true });
    expect(agent?.state).toBe(AgentState.OFFLINE);
    expect(await refusalOf(rig.ask(method.getAgent, leave))).toMatchObject({ code: "not_found" });
  });
});

describe("sessions", () => {
  test("replace each other by epoch, and are listed the newest first", async () => {
    await register("ada");
    const { session } = await rig.ask(method.openSession, { agentId: "ada" });
    expect(session?.epoch).toBe(2);
    const { sessions } = await rig.ask(method.listSessions, { agentId: "ada" });
    expect(sessions.map(({ epoch }) => epoch)).toEqual([2, 1]);
    const live = rig.ask(method.openSession, {
      agentId: "ada",
      options: { ifLive: IfSessionLive.FAIL },
    });
    expect(await refusalOf(live)).toMatchObject({ code: "session_live" });
  });

  test("close once; again is fine", async () => {
    const { agent } = await register("ada");
    const closing = { sessionId: agent?.session?.sessionId ?? "", epoch: 1, reason: "done" };
    expect(await rig.ask(method.closeSession, closing)).toMatchObject({ tasksRequeued: 0 });
    await rig.ask(method.closeSession, closing);
    const { sessions } = await rig.ask(method.listSessions, { agentId: "ada" });
    expect(sessions).toMatchObject([{ closeReason: "done" }]);
  });

  test("have a lease of a length within the limits", async () => {
    await register("ada");
    const short = { agentId: "ada", options: { leaseDuration: { nanos: 1_000_000 } } };
    expect(await refusalOf(rig.ask(method.openSession, short))).toMatchObject({
      code: "invalid_field",
      pointer: "/options/leaseDuration",
    });
  });

  test("are renewed by beats, and fenced by their epoch", async () => {
    const { agent } = await register("ada");
    const sessionId = agent?.session?.sessionId ?? "";
    const beat = { agentId: "ada", sessionId, epoch: 1 };
    const { leaseExpireTime } = await rig.ask(method.heartbeat, { beat });
    expect(leaseExpireTime).toBeDefined();
    await rig.ask(method.openSession, { agentId: "ada" });
    const late = rig.ask(method.heartbeat, { beat });
    expect(await refusalOf(late)).toMatchObject({ code: "session_superseded" });
  });
});

describe("reports", () => {
  test("change the state; the same again writes nothing; without a state only the words change", async () => {
    await register("ada");
    const say = (state: AgentState, statusText: string) =>
      rig.ask(method.reportState, { report: { agentId: "ada", state, statusText } });
    const first = await say(AgentState.IDLE, "ready");
    expect(first.state).toBe(AgentState.IDLE);
    expect((await say(AgentState.IDLE, "ready")).revision).toBe(first.revision);
    const words = await say(AgentState.UNSPECIFIED, "bored");
    expect(words).toMatchObject({ state: AgentState.IDLE, revision: first.revision + 1 });
    const { agent } = await rig.ask(method.getAgent, { agentId: "ada" });
    expect(agent).toMatchObject({ state: AgentState.IDLE, statusText: "bored" });
    expect(await refusalOf(say(AgentState.WAITING, ""))).toMatchObject({
      code: "illegal_transition",
      from: "idle",
      to: "waiting",
    });
  });

  test("of a batch are refused alone, and answered in order", async () => {
    const { agent } = await register("ada");
    const sessionId = agent?.session?.sessionId ?? "";
    const { results } = await rig.ask(method.reportAgents, {
      reports: [
        { report: { case: "state", value: { agentId: "ada", state: AgentState.IDLE } } },
        { report: { case: "state", value: { agentId: "nobody", state: AgentState.IDLE } } },
        { report: { case: "beat", value: { agentId: "ada", sessionId, epoch: 0 } } },
        { report: { case: "beat", value: { agentId: "ada", sessionId, epoch: 1 } } },
        {},
        { report: { case: "state", value: { agentId: "ada", state: AgentState.ACTIVE } } },
      ],
    });
    const reasons = results.map(({ result }) =>
      result.case === "error" ? result.value.detail?.reason : undefined,
    );
    expect(reasons).toEqual([
      undefined,
      ErrorReason.AGENT_NOT_FOUND,
      ErrorReason.INVALID_FIELD,
      undefined,
      ErrorReason.INVALID_FIELD,
      undefined,
    ]);
    expect(results[2]?.result.value).toMatchObject({
      detail: { pointer: "/reports/2/beat/epoch" },
    });
    expect(results[3]?.result.value).toHaveProperty("leaseExpireTime.seconds");
    const { agent: after } = await rig.ask(method.getAgent, { agentId: "ada" });
    expect(after?.state).toBe(AgentState.ACTIVE);
  });

  test("with too many details are refused", async () => {
    await register("ada");
    const details = { text: "x".repeat(16 * 1024) };
    const report = { agentId: "ada", state: AgentState.IDLE, details };
    expect(await refusalOf(rig.ask(method.reportState, { report }))).toMatchObject({
      code: "too_large",
      name: "details_bytes",
      pointer: "/report/details",
    });
  });
});

test("the server says what it is, its limits and who calls", async () => {
  const call = callOf({ principal: "agent:ada", namespace: "team-a" });
  expect(await rig.ask(method.getServerInfo, {}, call)).toMatchObject({
    version: "1.2.3",
    minClientVersion: "0.1.0",
    replicaId: "test",
    store: "sqlite",
    principal: "agent:ada",
    scopes: ["lifecycle.self"],
    namespace: "team-a",
    limits: { payload_bytes: 262144n },
  });
});
