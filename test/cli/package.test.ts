import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";

const PACKED_BYTES_MAX = 2_000_000;
/** `dev` begins its search here. */
const USUAL_PORT = 6772;

let folder: string;
let bin: string;
const started = new Set<ChildProcess>();

// As npm would publish and install it, without the packages it depends on.
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "opscore-package-"));
  const packed = spawnSync("npm", ["pack", "--json", "--pack-destination", folder], {
    encoding: "utf8",
  });
  const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf("[\n")));
  const file = join(folder, filename);
  expect(statSync(file).size).toBeLessThan(PACKED_BYTES_MAX);
  expect(spawnSync("tar", ["-xzf", file, "-C", folder]).status).toBe(0);
  const manifest = JSON.parse(readFileSync(join(folder, "package", "package.json"), "utf8"));
  bin = join(folder, "package", manifest.bin.opscore);
}, 120_000);

afterAll(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("the command of the package is a program by itself", () => {
  const { stdout, status } = spawnSync(bin, ["version", "-o", "id"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: folder },
  });
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  expect({ stdout, status }).toEqual({ stdout: `${version}\n`, status: 0 });
});

test("dev serves, on the next port when its own is taken, and keeps what it was told", async () => {
  const taken = createServer();
  taken.on("error", () => undefined).listen(USUAL_PORT, "127.0.0.1");
  await Promise.race([once(taken, "listening"), once(taken, "error").catch(() => undefined)]);
  const home = join(folder, "home");
  mkdirSync(home);

  const first = await dev(home);
  expect(Number(new URL(first.url).port)).toBeGreaterThan(USUAL_PORT);
  const registered = await call(first.url, "agent", "register", "writer", "--capability", "write");
  expect(registered).toMatch(/AGENT +writer\n/);
  // Reading a template needs the server's second thread.
  const yaml =
    "template_id: t\\nversion: 1.0.0\\nmain: {steps: [{id: a, set: {values: {x: '1'}}}]}";
  const answer = await fetch(`${first.url}/opscore.v1.WorkflowService/PublishTemplate`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"source":{"text":"${yaml}"}}`,
  });
  expect(await answer.json()).toMatchObject({ created: true });
  expect(await first.stop()).toBe(0);

  expect(existsSync(join(home, ".opscore"))).toBe(true);
  const again = await dev(home);
  expect(await call(again.url, "agent", "list", "-o", "id")).toBe("writer\n");
  expect(await again.stop()).toBe(0);
  taken.close();
});

/** `opscore dev` in a folder, once it says where it is. */
async function dev(cwd: string) {
  const child = spawn(bin, ["dev"], {
    cwd,
    env: { PATH: process.env["PATH"], HOME: cwd },
    stdio: ["ignore", "ignore", "pipe"],
  });
  started.add(child);
  for await (const line of createInterface(child.stderr)) {
    const [, url] = /^ {2}API +(http\S+)/.exec(line) ?? [];
    if (url !== undefined) return { url, stop };
  }
  throw new Error("it ended");

  async function stop() {
    const ended = once(child, "exit");
    child.kill("SIGINT");
    const [status] = await ended;
    return status;
  }
}

async function call(url: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(bin, [...args, "-s", url], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  await once(child, "close");
  return stdout;
}
