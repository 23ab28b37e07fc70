import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Ledger } from "./agents.ts";
import { startLoad, until } from "./load.ts";
import { QUICK, type Server, startServer } from "./server.ts";

const KILLS = 20;
const HELD_KILLS_MIN = 5;
const HAND_OUTS_MAX = 12;
const MOMENT_MS_MAX = 60;

test("killed 20 times under load: nothing acknowledged is lost, nothing comes twice", async () => {
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
}, 400_000);

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
    await delay((MOMENT_MS_MAX * ((kill * 3) % KILLS)) / KILLS);
    if (open.size > 0) held++;
    await server.crash();
  }
  return held;
}
