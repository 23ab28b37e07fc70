import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { exitCode } from "../../src/cli/exit.ts";
import { type HttpRig, openHttpRig } from "../rpc/http/rig.ts";
import { sendFleet, writeFiles } from "./fleet.ts";
import { buildOpscore, type Opscore } from "./opscore.ts";

let opscore: Opscore;
let server: HttpRig;

beforeAll(async () => {
  [opscore, server] = await Promise.all([buildOpscore(), openHttpRig()]);
});

afterAll(async () => {
  await opscore[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

// Each command has a namespace and a folder of its own, and runs its examples in their order.
describe.each(COMMANDS)("opscore $path", ({ path, examples }) => {
  const namespace = `examples-${path.replace(" ", "-")}`;
  let cwd: string;

  beforeAll(async () => {
    cwd = mkdtempSync(join(opscore.folder, "examples-"));
    writeFiles(cwd);
    await sendFleet(server.url, namespace);
  });

  afterAll(() => rmSync(cwd, { recursive: true, force: true }));

  test.each(examples)("$run", async ({ run, shows, exit = "ok", endless = false }) => {
    // A server of an example takes any port.
    const env = { OPSCORE_URL: server.url, OPSCORE_NAMESPACE: namespace, OPSCORE_PORT: "0" };
    const ended = await opscore.shell(run, { cwd, env, ...(endless && { until: shows }) });
    expect(ended.stdout + ended.stderr).toMatch(shows);
    expect({ ...ended, status: ended.status }).toMatchObject({ status: exitCode(exit) });
  });
});
