import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { allSettings, flagOf } from "../../src/config-table.ts";

test("--version prints the version of the package", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(opscore("--version")).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
});

test("--help lists the commands", () => {
  const { status, stdout, stderr } = opscore("--help");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^Usage: opscore .*serve .*run the server/s);
});

test("serve --help lists every flag with its default", () => {
  const { status, stdout } = opscore("serve", "--help");
  expect(status).toBe(0);
  for (const [name, setting] of allSettings()) {
    const row = stdout.split("\n").find((line) => line.includes(`  ${flagOf(name, setting)} `));
    expect(row === undefined, name).toBe(setting.only === "variable");
    if (row !== undefined && setting.value !== undefined && setting.default !== undefined) {
      expect(row).toContain(`(default ${setting.default})`);
    }
  }
});

test("without arguments it prints its help; a noun without a verb is wrong usage", () => {
  expect(opscore()).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^Usage: opscore/),
    stderr: "",
  });
  expect(opscore("agent")).toMatchObject({
    status: 2,
    stdout: "",
    stderr: expect.stringMatching(/^Usage: opscore agent/),
  });
});

test("wrong usage is explained on standard error, with exit code 2", () => {
  expect(opscore("sreve")).toEqual({
    status: 2,
    stdout: "",
    stderr: "error: unknown command 'sreve'\nhint: did you mean serve?\n",
  });
  expect(opscore("serve", "--prot", "1")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/--port/),
  });
  expect(opscore("serve", "now")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/too many arguments/),
  });
  expect(opscore("serve", "--port")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/argument missing/),
  });
});

test("wrong settings are one line on standard error, with exit code 78", () => {
  for (const args of [
    ["serve", "--port", "x"],
    ["serve", "--host", "0.0.0.0"],
    ["serve", "--limit-lease-ms", "soon"],
  ]) {
    const { status, stdout, stderr } = opscore(...args);
    expect({ status, stdout }).toEqual({ status: 78, stdout: "" });
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
  }
});

function opscore(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["src/main.ts", ...args], {
    encoding: "utf8",
    timeout: 20_000,
    env: { PATH: process.env["PATH"] },
  });
  return { status, stdout, stderr };
}
