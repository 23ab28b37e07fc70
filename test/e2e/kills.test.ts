import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Ledger } from "./agents.ts";
import { startLoad, until } from "./load.ts";
import { QUICK, type Server, startServer } from "./server.ts";

/** More, as before a release: OPSCORE_TEST_KILLS=5000 npx vitest run test/e2e/kills.test.ts */
const KILLS = Number(process.env["OPSCORE_TEST_KILLS"] ?? 100);
/** A start, and work until the next kill, on a machine that has other things to do. */
const KILL_MS_MAX = 12_000;
const HELD_KILLS_MIN = 5;
const HAND_OUTS_MAX = 12;
const MOMENT_MS_MAX = 60;

test(
  `killed ${KILLS} times under load: nothing acknowledged is lost, nothing comes twice`,
  async () => {
    const server = await startServer(QUICK);
    const { ledger, watchers, end } = await startLoad(server);
    const heldAtKill = await killAgain(server, ledger);
    await end();
    expect(heldAtKill).toBeGreaterThanOrEqual(HELD_KILLS_MIN);
    expect(ledger.completions.length).toBeGreaterThan(KILLS);
    expect(ledger.states.length).toBeGreaterThan(KILLS);
    for (const { interruptions } of [...watchers.runs, ...watchers.agents]) {
      expect(interruptions).toBeGreaterThan(0);
    }
  },
  KILLS * KILL_MS_MAX,
);

/**
 * Kills as soon as the agents have been given some tasks since the start before, and a moment later.
 *
 * @returns how many kills fell between a hand-out and its completion.
 */
async function killAgain(server: Server, { handOuts, open }: Ledger): Promise<number> {
  let held = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const before = handOuts.length;
    await until(() => handOuts.length >= before + 1 + ((kill * 7) % HAND_OUTS_MAX));
    await delay((kill * 7) % MOMENT_MS_MAX);
    if (open.size > 0) held++;
    await server.crash();
  }
  return held;
}
