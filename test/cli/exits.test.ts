import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpRig, openHttpRig } from "../rpc/http/rig.ts";
import { sendFleet } from "./fleet.ts";
import { buildOpscore, type Opscore, type RunOptions } from "./opscore.ts";

const SECRET = "Zo6Tn0fEo3nOYpVJ";

let opscore: Opscore;
let server: HttpRig;
let locked: HttpRig;

beforeAll(async () => {
  [opscore, server, locked] = await Promise.all([
    buildOpscore(),
    openHttpRig(),
    openHttpRig({}, { OPSCORE_API_KEYS: `user:ana=${SECRET}@default` }),
  ]);
  await sendFleet(server.url, "default");
});

afterAll(async () => {
  await Promise.all([opscore, server, locked].map((open) => open[Symbol.asyncDispose]()));
});

test("an unknown id is exit 3, with what was meant; so is one with nothing like it", async () => {
  expect(await run(["agent", "get", "writr"])).toEqual({
    status: 3,
    stdout: "",
    stderr: 'error: no agent "writr" (AGENT_NOT_FOUND)\nhint: did you mean writer?\n',
  });
  expect(await run(["agent", "get", "zzzzzz"])).toMatchObject({
    status: 3,
    stderr: expect.stringMatching(/\nhint: opscore agent list shows what there is\n$/),
  });
});

test("the beginning of several ids is exit 2 and lists them; a whole id is never a beginning", async () => {
  for (const agentId of ["bot", "bot-1", "bot-2"]) {
    await server.lifecycle.registerAgent({ agentId, spec: {} });
  }
  expect(await run(["agent", "get", "bo"])).toEqual({
    status: 2,
    stdout: "",
    stderr:
      'error: "bo" is the beginning of more than one agent\nhint: there are bot, bot-1, bot-2\n',
  });
  expect(await run(["agent", "get", "bot", "-o", "id"])).toMatchObject({ stdout: "bot\n" });
  expect(await run(["agent", "get", "bot-2", "-o", "id"])).toMatchObject({ stdout: "bot-2\n" });
});

test("a key that is missing or wrong is exit 4; the right one comes from a variable or a file", async () => {
  const env = { OPSCORE_URL: locked.url };
  const file = join(opscore.folder, "key");
  writeFileSync(file, `${SECRET}\n`);
  expect(await run(["agent", "list"], { env })).toMatchObject({
    status: 4,
    stderr: expect.stringMatching(/^error: .*\(UNAUTHENTICATED\)\n/),
  });
  const wrong = { ...env, OPSCORE_TOKEN: "wrong-secret-0123" };
  expect(await run(["agent", "list"], { env: wrong })).toMatchObject({ status: 4 });
  const right = { ...env, OPSCORE_TOKEN: SECRET };
  expect(await run(["status"], { env: right })).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/YOU ARE +user:ana\n/),
  });
  expect(await run(["status", "--token-file", file], { env: wrong })).toMatchObject({ status: 0 });
  expect(await run(["status", "-n", "blue"], { env: right })).toMatchObject({
    status: 4,
    stderr: expect.stringMatching(/\(NAMESPACE_DENIED\)/),
  });
});

test("what the server cannot do as things are is exit 5", async () => {
  expect(await run(["agent", "deregister", "writer"])).toMatchObject({
    status: 5,
    stderr: expect.stringMatching(/^error: .*\(AGENT_IN_USE\)\n/),
  });
});

test("no server is exit 6, for calls and for watches", async () => {
  for (const args of [
    ["agent", "list"],
    ["agent", "watch"],
  ]) {
    expect(await run([...args, "-s", "http://127.0.0.1:1"])).toEqual({
      status: 6,
      stdout: "",
      stderr:
        "error: no answer from http://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1\n" +
        "hint: opscore dev starts a server; -s names another\n",
    });
  }
});

test("--timeout is exit 124, whether a server is silent or a watch goes on", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const timeout = ["--timeout", "500ms"];
  const stderr = "error: not done within 0.5 s (--timeout)\n";
  const ended = await run(["agent", "list", "-s", `http://127.0.0.1:${port}`, ...timeout]);
  expect(ended).toEqual({ status: 124, stdout: "", stderr });
  silent.close();
  expect(await run(["agent", "watch", ...timeout])).toEqual({ status: 124, stdout: "", stderr });
});

test("Ctrl-C is exit 130, without a word", async () => {
  const ended = await run(["agent", "watch", "--since", "1h", "-o", "id"], { until: /^\d+\n/ });
  expect(ended).toMatchObject({ status: 130, stderr: "" });
});

test("a reader that goes away ends a command well", async () => {
  const line = "opscore agent list -o json | true; echo $" + "{PIPESTATUS[0]}";
  const env = { OPSCORE_URL: server.url };
  expect(await opscore.shell(line, { env })).toEqual({ status: 0, stdout: "0\n", stderr: "" });
});

test("with -o json errors are JSON on standard error: those of the server as Connect has them", async () => {
  const refused = await run(["agent", "deregister", "writer", "-o", "json"]);
  expect(refused).toMatchObject({ status: 5, stdout: "" });
  expect(JSON.parse(refused.stderr)).toMatchObject({
    code: "failed_precondition",
    details: [{ type: "opscore.v1.ErrorDetail" }],
  });
  expect(JSON.parse((await run(["agent", "gte", "-o", "json"])).stderr)).toEqual({
    code: "invalid_argument",
    message: "unknown command 'gte'",
    hint: "did you mean get?",
  });
});

test("--dry-run shows the request and sends nothing", async () => {
  const { stdout, status } = await run(["agent", "register", "ghost", "--slots", "2", "--dry-run"]);
  expect({ status, request: JSON.parse(stdout) }).toEqual({
    status: 0,
    request: { agentId: "ghost", spec: { slots: 2 } },
  });
  expect(await run(["agent", "get", "ghost"])).toMatchObject({ status: 3 });
});

function run(args: readonly string[], options: RunOptions = {}) {
  return opscore.run(args, { ...options, env: { OPSCORE_URL: server.url, ...options.env } });
}
