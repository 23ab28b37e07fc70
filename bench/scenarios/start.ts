import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { interleaved, memoryOf, type Sample } from "../measure.ts";
import type { Scenario } from "../plan.ts";
import { rowOf } from "../report.ts";
import { temporaryFolder } from "../target.ts";

const READY_MS = 30_000;
const LOOK_MS = 5;
const MIB = 1024 * 1024;
/** An HTTP server and nothing else. */
const BARE = `require("node:http").createServer((_, res) => res.end("ok"))
  .listen(Number(process.env.OPSCORE_PORT), "127.0.0.1")`;

/** From starting the process to the first good `/readyz`, and what it takes while nobody calls. */
export const start: Scenario = {
  title: "Start on an empty store, and idle",

  async run({ rounds, once: quick }) {
    const idleMs = quick ? 100 : 3_000;
    using built = buildPackage();
    const got = await interleaved(
      { rounds, warmUps: 0 },
      {
        packaged: () => measure([join(built.folder, "opscore.js"), "serve"], idleMs),
        source: () => measure(["src/main.ts", "serve"], idleMs),
        bare: () => measure(["-e", BARE], idleMs),
      },
    );
    const of = { what: "bare Node", samples: got.bare };
    const named = { package: got.packaged, source: got.source };
    const rows = Object.entries(named).flatMap(([what, samples]) => {
      const most = (max: number) =>
        samples === got.packaged ? { aim: { of: "value", max } as const } : {};
      const row = (title: string, unit: string, figure: string) =>
        ({ what: `${what}, ${title}`, unit, figure, of }) as const;
      return [
        rowOf(samples, { ...row("ready", "ms", "ready"), ...most(1_000) }),
        rowOf(samples, { ...row("idle, RSS", "MiB", "rss"), ...most(120) }),
        rowOf(samples, { ...row("idle, PSS", "MiB", "pss"), ...most(120) }),
      ];
    });
    return [
      ...rows,
      rowOf(got.bare, { what: "bare Node, ready", unit: "ms", figure: "ready" }),
      rowOf(got.bare, { what: "bare Node, RSS", unit: "MiB", figure: "rss" }),
      rowOf(got.bare, { what: "bare Node, PSS", unit: "MiB", figure: "pss" }),
    ];
  },
};

/** The command line as it is shipped. */
function buildPackage(): Disposable & { readonly folder: string } {
  const folder = temporaryFolder();
  execFileSync(process.execPath, ["tools/build.ts", folder]);
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

async function measure(args: readonly string[], idleMs: number): Promise<Sample> {
  const port = await freePort();
  const folder = temporaryFolder();
  const env = {
    PATH: process.env["PATH"],
    OPSCORE_PORT: String(port),
    OPSCORE_STORE: `sqlite:${folder}`,
  };
  const startMs = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: "ignore" });
  const exited = once(child, "exit");
  try {
    await waitReady(child, port);
    const ready = performance.now() - startMs;
    await delay(idleMs);
    const { rss, pss } = memoryOf(child.pid ?? 0);
    return { ready, rss: rss / MIB, pss: pss / MIB };
  } finally {
    child.kill();
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function waitReady({ exitCode }: ChildProcess, port: number): Promise<void> {
  const endMs = performance.now() + READY_MS;
  while (performance.now() < endMs && exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await delay(LOOK_MS);
  }
  throw new Error("the server did not become ready");
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
