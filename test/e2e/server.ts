import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFailed, onTestFinished } from "vitest";

const READY_MS = 60_000;
const EXIT_MS = 60_000;
const DEATH_MS = 60_000;
const COMPILED = join(tmpdir(), "opscore-e2e-compiled");

/** Short times, so that what a kill interrupted goes on at once. */
export const QUICK = {
  OPSCORE_LIMIT_LEASE_MIN_MS: "200ms",
  OPSCORE_LIMIT_LEASE_MS: "1s",
  OPSCORE_LIMIT_OFFER_MS: "500ms",
  OPSCORE_LIMIT_SWEEP_MS: "100ms",
} as const;

type Settings = Readonly<Record<string, string>>;

/** `opscore serve` as a process of its own, on one port and folder however often it starts. */
export class Server {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "opscore-e2e-"));
  readonly #settings: Settings;
  #child: ChildProcess | undefined;
  #output = "";

  constructor(port: number, settings: Settings) {
    this.port = port;
    this.#settings = settings;
  }

  get folder(): string {
    return this.#folder;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  /** All that it has said, over all its starts. */
  get output(): string {
    return this.#output;
  }

  /** Resolves when it is ready for calls. `more` are settings for this start alone. */
  async start(more: Settings = {}): Promise<void> {
    const child = this.spawn(more);
    const endMs = performance.now() + READY_MS;
    while (performance.now() < endMs && isAlive(child)) {
      const ready = await fetch(`${this.url}/readyz`).catch(() => undefined);
      await ready?.body?.cancel();
      if (ready?.ok) return;
      await delay(20);
    }
    throw new Error(`the server did not start:\n${this.#output}`);
  }

  /** Starts it without waiting, by another command if one is given. */
  spawn(more: Settings = {}, under: readonly string[] = []): ChildProcess {
    const env = {
      PATH: process.env["PATH"],
      // Half of a start is compiling; a process that is killed leaves nothing there.
      NODE_COMPILE_CACHE: COMPILED,
      OPSCORE_PORT: String(this.port),
      OPSCORE_STORE: `sqlite:${this.#folder}`,
      ...this.#settings,
      ...more,
    };
    const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
    const [command = "", ...args] = [...under, process.execPath, "src/main.ts", "serve"];
    const child = spawn(command, args, { env, stdio });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
      });
    }
    return child;
  }

  /** Resolves with the exit code, or the signal it died of; with null if it goes on living. */
  async died(): Promise<number | NodeJS.Signals | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (isAlive(child)) {
      const late = AbortSignal.timeout(DEATH_MS);
      await once(child, "exit", { signal: late }).catch(() => undefined);
    }
    return child.exitCode ?? child.signalCode;
  }

  /** SIGKILL: nothing is said, flushed or closed. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async crash(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** SIGTERM. Resolves with the exit code. */
  async stop(): Promise<number | null> {
    return await this.#end("SIGTERM");
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (isAlive(child)) {
      const exited = once(child, "exit", { signal: AbortSignal.timeout(EXIT_MS) });
      child.kill(signal);
      await exited;
    }
    return child.exitCode;
  }
}

/** A server that is ready; it ends with the test, and shows what it said when the test fails. */
export async function startServer(settings: Settings = {}): Promise<Server> {
  const server = new Server(await freePort(), settings);
  onTestFinished(() => server.dispose());
  onTestFailed(() => {
    process.stderr.write(`\nThe server said:\n${server.output}\n`);
  });
  await server.start();
  return server;
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
