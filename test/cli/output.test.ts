import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { AgentStateSchema, LivenessSchema } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { TaskStateSchema } from "../../gen/opscore/v1/task_pb.ts";
import { RunStateSchema } from "../../gen/opscore/v1/workflow_pb.ts";
import { AGENT_STATES, LIVENESS } from "../../src/cli/agent/words.ts";
import { RUN_STATES } from "../../src/cli/run/words.ts";
import { TASK_STATES } from "../../src/cli/task/words.ts";
import { type HttpRig, openHttpRig } from "../rpc/http/rig.ts";
import { sendFleet } from "./fleet.ts";
import { buildOpscore, type Opscore } from "./opscore.ts";

// What a terminal would obey: colors, the title, C1 codes, and text that runs backwards.
const HOSTILE = "\u001b[31mred\u001b[0m\u001b]0;title\u0007 \u009b31m \u202egnp.exe line\r\nnext";

let opscore: Opscore;
let server: HttpRig;

beforeAll(async () => {
  [opscore, server] = await Promise.all([buildOpscore(), openHttpRig()]);
  const ops = await sendFleet(server.url, "default");
  await ops.lifecycle.registerAgent({ agentId: "机器人-7", spec: { version: "2.0.0" } });
  await ops.lifecycle.reportState({ report: { agentId: "critic", statusText: HOSTILE } });
});

afterAll(async () => {
  await Promise.all([opscore, server].map((open) => open[Symbol.asyncDispose]()));
});

test("columns are aligned by what they take on the screen", async () => {
  const lines = (await run("agent", "list")).stdout.split("\n");
  expect(lines[0]).toMatch(/^AGENT {7}STATE {8}LIVENESS {5}SLOTS {2}SEEN +VERSION$/);
  expect(lines.find((line) => line.startsWith("机器人-7"))).toMatch(/^机器人-7 {4}UNSPECIFIED {2}/);
  expect(lines.find((line) => line.startsWith("critic"))).toMatch(/^critic {6}UNSPECIFIED {2}/);
  expect(lines.filter((line) => line.endsWith(" "))).toEqual([]);
});

test("text of others cannot steer the terminal, in no form of output", async () => {
  for (const output of ["wide", "json", "jsonl", "yaml"]) {
    const { stdout } = await run("agent", "get", "critic", "-o", output);
    expect(stdout.replaceAll("\n", ""), output).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
    expect(stdout, output).toMatch(/red/);
  }
  const json = JSON.parse((await run("agent", "get", "critic", "-o", "json")).stdout);
  expect(json.statusText).toBe(HOSTILE);
});

test("every form holds the same items", async () => {
  const json = JSON.parse((await run("agent", "list", "-o", "json")).stdout);
  const jsonl = (await run("agent", "list", "-o", "jsonl")).stdout.trimEnd().split("\n");
  const yaml = parse((await run("agent", "list", "-o", "yaml")).stdout);
  const ids = (await run("agent", "list", "-o", "id")).stdout;
  expect(json.map((agent: { agentId: string }) => agent.agentId).join("\n")).toBe(ids.trimEnd());
  expect(jsonl.map((text) => JSON.parse(text))).toEqual(json);
  expect(yaml).toEqual(json);
  expect(json).toHaveLength(4);
});

test("--json keeps the fields it names, lists them when bare, and names a slip", async () => {
  const { stdout } = await run("agent", "get", "writer", "--json", "agent_id,spec.version");
  expect(JSON.parse(stdout)).toEqual({ agentId: "writer", spec: { version: "1.4.0" } });
  expect((await run("agent", "get", "writer", "--json")).stdout).toMatch(/^agentId\nspec\nstate\n/);
  expect(await run("agent", "list", "--json", "agentID")).toMatchObject({
    status: 2,
    stderr: 'error: --json: there is no field "agentID"\nhint: did you mean agentId?\n',
  });
  expect(await run("completion", "bash", "--json")).toMatchObject({ status: 2, stdout: "" });
});

test("colors come when asked for, off a terminal only then", async () => {
  const isColored = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    (await run("agent", "list", ...args, env)).stdout.includes("\u001b[");
  expect(await isColored([])).toBe(false);
  expect(await isColored(["--color", "always"])).toBe(true);
  expect(await isColored([], { FORCE_COLOR: "1" })).toBe(true);
  expect(await isColored([], { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(false);
  expect(await isColored(["--color", "never"], { FORCE_COLOR: "1" })).toBe(false);
});

test("times come in the form that --time says", async () => {
  const createdIn = async (form: string) =>
    /CREATED +(.*)\n/.exec((await run("agent", "get", "writer", "--time", form)).stdout)?.[1];
  expect(await createdIn("relative")).toMatch(/^(\d+|\d\.\d)(ms|s|m) ago$/);
  expect(await createdIn("local")).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  expect(await createdIn("iso")).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(await createdIn("unix")).toMatch(/^\d{10}\.\d{3}$/);
});

test("a list that was cut says so, and goes on", async () => {
  const first = await run("agent", "list", "--limit", "2", "-o", "id");
  expect(first.stdout).toBe("critic\nresearcher\n");
  const [, token = ""] = /--page-token (\S+)\n/.exec(first.stderr) ?? [];
  const rest = await run("agent", "list", "--page-token", token, "-o", "id");
  expect(rest).toMatchObject({ stdout: "writer\n机器人-7\n", stderr: "" });
  const quiet = await run("agent", "list", "--limit", "2", "-o", "id", "-q");
  expect(quiet).toMatchObject({ stdout: "critic\nresearcher\n", stderr: "" });
});

test("short names of enums are those of the contract", () => {
  const names = (values: readonly { readonly localName: string }[]) =>
    values.map(({ localName }) => localName);
  expect([...AGENT_STATES]).toEqual(names(AgentStateSchema.values));
  expect([...RUN_STATES]).toEqual(names(RunStateSchema.values));
  expect([...TASK_STATES]).toEqual(names(TaskStateSchema.values));
  expect([...LIVENESS]).toEqual(names(LivenessSchema.values));
});

function run(...args: readonly (string | Readonly<Record<string, string>>)[]) {
  const words = args.filter((arg) => typeof arg === "string");
  const env = Object.assign({}, ...args.filter((arg) => typeof arg !== "string"));
  return opscore.run(words, { env: { OPSCORE_URL: server.url, ...env } });
}
