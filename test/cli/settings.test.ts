import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { buildOpscore, type Opscore } from "./opscore.ts";

let opscore: Opscore;
let home: string;
let project: string;

beforeAll(async () => {
  opscore = await buildOpscore();
});

afterAll(() => opscore[Symbol.asyncDispose]());

beforeEach(() => {
  home = mkdtempSync(join(opscore.folder, "home-"));
  project = join(home, "project");
  mkdirSync(join(project, "inner"), { recursive: true });
});

test("a flag wins over its variable, that over the project, that over profile, file and default", async () => {
  expect(await shown("namespace")).toEqual(["default", "default"]);
  write(userFile(), "namespace: top\nprofiles: {blue: {namespace: deep}}\n");
  expect(await shown("namespace")).toEqual(["top", userFile()]);
  expect(await shown("namespace", ["-p", "blue"])).toEqual([
    "deep",
    `profile blue in ${userFile()}`,
  ]);
  expect(await shown("namespace", [], { OPSCORE_PROFILE: "blue" })).toMatchObject(["deep", {}]);
  const file = join(project, ".opscore.yaml");
  write(file, "namespace: ours\n");
  expect(await shown("namespace", ["-p", "blue"])).toEqual(["ours", file]);
  const env = { OPSCORE_NAMESPACE: "env" };
  expect(await shown("namespace", [], env)).toEqual(["env", "OPSCORE_NAMESPACE"]);
  expect(await shown("namespace", ["-n", "flag"], env)).toEqual(["flag", "--namespace"]);
});

test("a project may choose one of the person's profiles", async () => {
  write(userFile(), "profiles: {blue: {server: 'http://127.0.0.1:1'}}\n");
  write(join(project, ".opscore.yaml"), "profile: blue\n");
  expect(await shown("server")).toMatchObject(["http://127.0.0.1:1", {}]);
  write(join(project, ".opscore.yaml"), "profile: green\n");
  expect(await view()).toMatchObject({
    status: 2,
    stderr: 'error: there is no profile "green"\nhint: there are blue\n',
  });
});

test("a project's server is sent no key that was meant for another", async () => {
  write(join(project, ".opscore.yaml"), "server: https://elsewhere.example\n");
  const env = { OPSCORE_TOKEN: "Zo6Tn0fEo3nOYpVJ" };
  expect(await view([], env)).toMatchObject({
    status: 2,
    stdout: "",
    stderr: expect.stringMatching(
      /names the server https:\/\/elsewhere\.example, and OPSCORE_TOKEN/,
    ),
  });
  expect(await view(["-s", "https://elsewhere.example"], env)).toMatchObject({ status: 0 });
  write(join(project, ".opscore.yaml"), "server: http://127.0.0.1:1\n");
  expect(await view([], env)).toMatchObject({ status: 0 });
});

test("the key itself is never shown", async () => {
  const { stdout } = await view([], { OPSCORE_TOKEN: "Zo6Tn0fEo3nOYpVJ" });
  expect(stdout).toMatch(/"setting":"token","value":"\(set\)","source":"OPSCORE_TOKEN"/);
  expect(stdout).not.toContain("Zo6Tn0fEo3nOYpVJ");
});

test("what is wrong in a file is named with the file", async () => {
  const file = join(project, ".opscore.yaml");
  for (const [text, message] of [
    ["sevrer: x", `error: ${file}: sevrer is no setting\nhint: did you mean server?\n`],
    ["server: [x]", `error: ${file}: server must be one value\n`],
    ["- x", `error: ${file} must hold keys with values\n`],
    ["profiles: {a: {}}", `error: ${file}: profiles belong into ${userFile()}\n`],
    ["timeout: soon", `error: timeout is "soon" (${file}), but must be a duration`],
  ] as const) {
    write(file, text);
    const ended = await view();
    expect({ status: ended.status, is: ended.stderr.startsWith(message) }, ended.stderr).toEqual({
      status: 2,
      is: true,
    });
  }
});

test("config set writes, keeps comments, mends a broken value, and tells nobody else", async () => {
  write(userFile(), "# mine\noutput: tabel\n");
  expect(await opscore.run(["version"], options())).toMatchObject({ status: 2 });
  expect(await set("output", "wide")).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(await set("-p", "blue", "token_file", "key")).toMatchObject({ status: 0 });
  const key = join(project, "inner", "key");
  expect(readFileSync(userFile(), "utf8")).toBe(
    `# mine\noutput: wide\nprofiles:\n  blue:\n    token_file: ${key}\n`,
  );
  expect(statSync(userFile()).mode & 0o777).toBe(0o600);
  expect(await set("output")).toMatchObject({ status: 0 });
  expect(await shown("output", ["-o", "jsonl"])).toEqual(["jsonl", "--output"]);
});

function userFile(): string {
  return join(home, ".config", "opscore", "config.yaml");
}

function write(file: string, text: string): void {
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
}

function set(...args: readonly string[]) {
  return opscore.run(["config", "set", ...args], options());
}

function view(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  return opscore.run(["config", "view", "-o", "jsonl", ...args], options(env));
}

/** Value and source of a setting, from a folder inside the project. */
async function shown(setting: string, ...given: Parameters<typeof view>) {
  const { stdout } = await view(...given);
  const rows = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const row = rows.find((candidate) => candidate.setting === setting);
  return [row.value, row.source];
}

function options(env: Readonly<Record<string, string>> = {}) {
  return { cwd: join(project, "inner"), env: { HOME: home, ...env } };
}
