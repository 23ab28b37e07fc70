import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpRig, openHttpRig } from "./rig.ts";

const USER = "user-secret-0123456789";
const AGENT = "agent-secret-0123456789";

let rig: HttpRig;
beforeAll(async () => {
  rig = await openHttpRig(
    { limit_calls_per_second: "1", limit_calls_burst_items: "50" },
    { OPSCORE_API_KEYS: `user:ada=${USER}@default+blue,agent:writer=${AGENT}` },
  );
});
afterAll(() => rig[Symbol.asyncDispose]());

async function call(
  method: string,
  body: object,
  key?: string,
  headers: Record<string, string> = {},
) {
  const auth = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answer = await fetch(`${rig.url}/opscore.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...auth, ...headers },
    body: JSON.stringify(body),
  });
  const json = (await answer.json()) as { details?: { debug?: { reason?: string } }[] };
  return { status: answer.status, reason: json.details?.[0]?.debug?.reason, json };
}

test("without a key, or with a wrong one, every door is shut", async () => {
  expect(await call("LifecycleService/ListAgents", {})).toMatchObject({ status: 401 });
  expect(await call("LifecycleService/ListAgents", {}, "wrong")).toMatchObject({ status: 401 });
  expect((await fetch(`${rig.url}/opscore.v1.LoggingService/TailLogs`)).status).toBe(401);
  expect((await fetch(`${rig.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${rig.url}/readyz`)).status).toBe(200);
});

test("a user may do all in its namespaces, and nothing in others", async () => {
  expect(await call("LifecycleService/ListAgents", {}, USER)).toMatchObject({ status: 200 });
  expect(
    await call("LifecycleService/ListAgents", {}, USER, { "opscore-namespace": "blue" }),
  ).toMatchObject({ status: 200 });
  expect(
    await call("LifecycleService/ListAgents", {}, USER, { "opscore-namespace": "red" }),
  ).toMatchObject({
    status: 403,
    reason: "ERROR_REASON_NAMESPACE_DENIED",
  });
});

test("an agent acts for itself only", async () => {
  const own = await call("LifecycleService/RegisterAgent", { agentId: "writer", spec: {} }, AGENT);
  expect(own.status).toBe(200);
  expect(
    await call("LifecycleService/RegisterAgent", { agentId: "other", spec: {} }, AGENT),
  ).toMatchObject({
    status: 403,
    reason: "ERROR_REASON_IDENTITY_MISMATCH",
  });
  expect(await call("WorkflowService/ListTemplates", {}, AGENT)).toMatchObject({
    status: 403,
    reason: "ERROR_REASON_SCOPE_MISSING",
  });
});

test("what is made for users is not open to agents, whatever their scopes include", async () => {
  expect(await call("LoggingService/SearchLogs", {}, AGENT)).toMatchObject({
    status: 403,
    reason: "ERROR_REASON_SCOPE_MISSING",
  });
  const entries = [{ operation: "a.b", message: "m" }];
  expect(await call("LoggingService/LogOperations", { entries }, AGENT)).toMatchObject({
    status: 200,
  });
});

test("many calls are refused with a time to come back", async () => {
  let last = await call("LifecycleService/ListAgents", {}, AGENT);
  for (let n = 0; n < 60 && last.status === 200; n++)
    last = await call("LifecycleService/ListAgents", {}, AGENT);
  expect(last).toMatchObject({ status: 429, reason: "ERROR_REASON_RATE_LIMITED" });
});

test("many wrong keys from one address are refused before they are compared", async () => {
  const seen = [];
  for (let n = 0; n < 14; n++)
    seen.push((await call("LifecycleService/ListAgents", {}, `wrong-${n}`)).status);
  expect(seen.at(-1)).toBe(429);
  expect((await call("LifecycleService/GetServerInfo", {}, USER)).status).toBe(200);
});
