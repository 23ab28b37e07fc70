import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";

/** Longer than the two signals of one key press under npm are apart. */
const NEXT_PRESS_MS = 400;
const SECRET = "Zo6Tn0fEo3nOYpVJ";

const started = new Set<ChildProcess>();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "opscore-serve-"));
});

afterEach(() => {
  for (const child of started) child.kill("SIGKILL");
  started.clear();
  rmSync(folder, { recursive: true, force: true });
});

test("it serves, says where, and a signal ends it well", async () => {
  const server = serve("--store", `sqlite:${folder}`);
  const { url } = await server.logged("serving");
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  server.child.kill("SIGTERM");
  await server.logged("stopped");
  expect(await server.exit).toBe(0);
  expect(server.stderr()).toBe("");
});

test("a key press that arrives twice counts once; a second one does not wait", async () => {
  const patient = serve();
  await patient.logged("serving");
  patient.child.kill("SIGINT");
  patient.child.kill("SIGINT");
  expect(await patient.exit).toBe(0);

  const stuck = serve();
  const { port } = new URL(String((await stuck.logged("serving"))["url"]));
  // A request whose body never comes keeps the drain waiting.
  const socket = connect(Number(port), "127.0.0.1").on("error", () => {});
  socket.write(
    "POST /opscore.v1.LifecycleService/ListAgents HTTP/1.1\r\nhost: localhost\r\n" +
      "content-type: application/json\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n",
  );
  await once(socket, "data");
  stuck.child.kill("SIGTERM");
  await stuck.logged("draining; a second signal does not wait");
  await delay(NEXT_PRESS_MS);
  stuck.child.kill("SIGTERM");
  expect(await stuck.exit).toBe(130);
  socket.destroy();
});

test("a port in use is one line and exit code 1", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" ? String(address?.port) : "";
  const server = serve("--port", port);
  expect(await server.exit).toBe(1);
  expect(server.stderr()).toBe(
    `error: port ${port} of 127.0.0.1 is in use: choose another with --port or OPSCORE_PORT\n`,
  );
  other.close();
});

test("SIGHUP reads the certificate again; one that is no good leaves the old one", async () => {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  copyFixtures(cert, key);
  const server = serve("--tls-cert", cert, "--tls-key", key);
  const { url } = await server.logged("serving");
  expect(url).toMatch(/^https:/);
  writeFileSync(cert, "not a certificate");
  server.child.kill("SIGHUP");
  await server.logged("the old certificate stays: the new one cannot be used");
  copyFixtures(cert, key);
  server.child.kill("SIGHUP");
  await server.logged("certificate read again");
  server.child.kill("SIGTERM");
  expect(await server.exit).toBe(0);
});

test("a start without protection is warned of; an address of nobody here is refused", async () => {
  const server = serve("--host", "192.0.2.1", "--insecure-no-tls", "--insecure-no-auth");
  const open = "192.0.2.1 can be reached from other machines";
  await server.logged(`${open} and no key is asked for (--insecure-no-auth)`);
  await server.logged(`${open} in clear text (--insecure-no-tls)`);
  expect(await server.exit).toBe(1);
  expect(server.stderr()).toBe("error: 192.0.2.1 is no address of this machine: see --host\n");
});

test("no line of the log shows a key, whatever the level", async () => {
  const file = join(folder, "keys");
  writeFileSync(file, `user:ana=${SECRET}\n`);
  const server = serve("--api-keys-file", file, "--log-level", "trace");
  const { url } = await server.logged("serving");
  for (const secret of [SECRET, `${SECRET}x`]) {
    await fetch(`${url}/opscore.v1.LifecycleService/ListAgents`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: "{}",
    });
  }
  server.child.kill("SIGTERM");
  expect(await server.exit).toBe(0);
  expect(server.stdout()).not.toContain(SECRET);
});

interface Server {
  readonly child: ChildProcess;
  /** Resolves with the first line of the log with this message, read already or to come. */
  logged(message: string): Promise<Record<string, unknown>>;
  readonly exit: Promise<unknown>;
  stdout(): string;
  stderr(): string;
}

/** Starts `opscore serve` on a free port, in memory unless told otherwise. */
function serve(...flags: readonly string[]): Server {
  const given = ["--port", "0", "--store", "sqlite::memory:", ...flags];
  const child = spawn(process.execPath, ["src/main.ts", "serve", ...given], {
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.add(child);
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => {
    stderr += data;
  });
  const lines: string[] = [];
  const reader = createInterface(child.stdout).on("line", (text) => lines.push(text));
  const exit = once(child, "close").then(([code]) => code);
  return {
    child,
    exit,
    stdout: () => lines.join("\n"),
    stderr: () => stderr,
    async logged(message) {
      const gone = new AbortController();
      exit.then(() => gone.abort(new Error(`exited without logging "${message}": ${stderr}`)));
      for (let next = 0; ; next++) {
        while (next >= lines.length) await once(reader, "line", { signal: gone.signal });
        const entry: Record<string, unknown> = JSON.parse(lines[next] ?? "");
        if (entry["msg"] === message) return entry;
      }
    },
  };
}

function copyFixtures(cert: string, key: string): void {
  copyFileSync("test/fixtures/tls-cert.pem", cert);
  copyFileSync("test/fixtures/tls-key.pem", key);
}
