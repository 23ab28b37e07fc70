import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

/** Stands for npm: notes its arguments, takes a moment, and leaves what it is told to leave. */
const NPM = `
import { appendFileSync, cpSync, mkdirSync } from "node:fs";
appendFileSync("calls", process.argv.slice(2).join(" ") + "\\n");
await new Promise((resolve) => setTimeout(resolve, 300));
if (process.env.NPM_FAILS) process.exit(7);
mkdirSync("node_modules", { recursive: true });
cpSync(process.env.NPM_LEAVES ?? "package-lock.json", "node_modules/.package-lock.json");
`;
const CALL = "ci --no-fund --no-audit --loglevel=error --include=dev --include=optional\n";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "opscore-ensure-"));
  mkdirSync(join(root, "tools"));
  mkdirSync(join(root, "tmp"));
  copyFileSync("tools/ensure.mjs", join(root, "tools", "ensure.mjs"));
  writeFileSync(join(root, "npm.mjs"), NPM);
  writeFileSync(join(root, "calls"), "");
  writeLock({ a: "1.0.0" });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test("it installs what is missing, and then no more", async () => {
  expect(await ensure()).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Installing/) });
  expect(await ensure()).toEqual({ code: 0, stderr: "" });
  expect(calls()).toBe(CALL);
});

test("it installs again when the lockfile has another version, one more or one less", async () => {
  await ensure();
  for (const packages of [{ a: "1.0.1" }, { a: "1.0.1", b: "2.0.0" }, { b: "2.0.0" }]) {
    writeLock(packages);
    await ensure();
  }
  expect(calls()).toBe(CALL.repeat(4));
});

test("a package of another platform may be missing, any other may not", async () => {
  writeFileSync(join(root, "installed.json"), readFileSync(join(root, "package-lock.json")));
  writeLock({ a: "1.0.0" }, { "node-other": "24.0.0" });
  expect(await ensure({ NPM_LEAVES: "installed.json" })).toMatchObject({ code: 0 });
  writeLock({ a: "1.0.0", b: "1.0.0" });
  expect(await ensure({ NPM_LEAVES: "installed.json" })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/error: npm ci ended well, but node_modules is not what/),
  });
});

test("of several at once, one installs and the others wait for it", async () => {
  const results = await Promise.all([ensure(), ensure(), ensure()]);
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(calls()).toBe(CALL);
});

test("the lock of a process that died is taken over", async () => {
  const dead = spawn(process.execPath, ["-e", ""]);
  await once(dead, "exit");
  const name = createHash("sha256").update(realpathSync(root)).digest("hex").slice(0, 16);
  const lock = join(root, "tmp", `opscore-install-${name}.lock`);
  writeFileSync(lock, String(dead.pid));
  expect(await ensure()).toMatchObject({ code: 0 });
  expect(existsSync(lock)).toBe(false);
});

test("a failed install is said in the last line, and the next run tries again", async () => {
  const { code, stderr } = await ensure({ NPM_FAILS: "1" });
  expect(code).toBe(1);
  expect(stderr).toMatch(/\nerror: npm ci .* failed \(7\): see its lines above\n$/);
  expect(await ensure()).toMatchObject({ code: 0 });
});

async function ensure(env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [join(root, "tools", "ensure.mjs")], {
    cwd: root,
    env: {
      PATH: process.env["PATH"],
      TMPDIR: join(root, "tmp"),
      npm_execpath: join(root, "npm.mjs"),
      npm_node_execpath: process.execPath,
      ...env,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => {
    stderr += data;
  });
  const [code] = await once(child, "close");
  return { code, stderr };
}

function calls(): string {
  return readFileSync(join(root, "calls"), "utf8");
}

function writeLock(
  packages: Readonly<Record<string, string>>,
  optional: Readonly<Record<string, string>> = {},
): void {
  const entries = [
    ...Object.entries(packages).map(([name, version]) => [name, { version }] as const),
    ...Object.entries(optional).map(
      ([name, version]) => [name, { version, optional: true }] as const,
    ),
  ].map(([name, entry]) => [`node_modules/${name}`, entry]);
  const lock = { lockfileVersion: 3, packages: Object.fromEntries([["", {}], ...entries]) };
  writeFileSync(join(root, "package-lock.json"), JSON.stringify(lock));
}
