import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COMMANDS, GROUPS } from "../../src/cli/commands.ts";
import { buildOpscore, type Opscore } from "./opscore.ts";

let opscore: Opscore;

beforeAll(async () => {
  opscore = await buildOpscore();
});

afterAll(() => opscore[Symbol.asyncDispose]());

test("bash completes nouns, verbs, flags and their values, under every name", async () => {
  expect(await completed("")).toEqual(expect.arrayContaining(["agent", "agents", "serve"]));
  expect(await completed("agent", "")).toEqual(expect.arrayContaining(["list", "ls", "get"]));
  expect(await completed("agents", "ls", "--st")).toEqual(["--state"]);
  expect(await completed("agents", "ls", "--state", "A")).toEqual(["ACTIVE"]);
  expect(await completed("-o", "js")).toEqual(["json", "jsonl"]);
  expect(await completed("agent", "list", "--name")).toEqual(["--namespace"]);
  expect(await completed("completion", "z")).toEqual(["zsh"]);
  writeFileSync(join(opscore.folder, "cert.pem"), "");
  expect(await completed("serve", "--tls-cert", "cer")).toEqual(["cert.pem"]);
});

test("every command and noun is in the script of every shell", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await opscore.run(["completion", shell]);
    const missing = [...COMMANDS.map(({ path }) => path), ...Object.keys(GROUPS)]
      .map((path) => path.split(" ").at(-1) ?? "")
      .filter((word) => !stdout.includes(word));
    expect(missing, shell).toEqual([]);
  }
});

/** How a shell says what it would offer, outside of a terminal. */
const ASKS = {
  zsh: `compdef() { : }; compadd() { shift; print -l -- $@ }; _describe() { print -l -- \${(P)@[-1]} }
    source $FILE; words=(opscore agents ls --state A); CURRENT=5; _opscore
    words=(opscore agents ""); CURRENT=3; _opscore`,
  fish: `source $FILE; complete -C "opscore agents ls --state A"; complete -C "opscore agents "`,
} as const;

test.each(["zsh", "fish"] as const)("%s completes too", async (shell) => {
  if (spawnSync(shell, ["-c", "true"]).status !== 0) {
    process.stderr.write(`\nNOT TESTED: this machine has no ${shell}\n`);
    return;
  }
  const file = join(opscore.folder, `completion.${shell}`);
  writeFileSync(file, (await opscore.run(["completion", shell])).stdout);
  const env = { ...process.env, FILE: file, HOME: opscore.folder };
  const { stdout, stderr } = spawnSync(shell, ["-c", ASKS[shell]], { encoding: "utf8", env });
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^ACTIVE\b/m);
  expect(stdout).toMatch(/^history[:\t]what happened/m);
});

/** What bash offers when the line ends with the last of the words. */
async function completed(...words: readonly string[]): Promise<readonly string[]> {
  const line = ["opscore", ...words].map((word) => `'${word}'`).join(" ");
  const { stdout, stderr } = await opscore.shell(
    `source <(opscore completion bash); COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _opscore; printf '%s\\n' "$${"{COMPREPLY[@]}"}"`,
  );
  expect(stderr).toBe("");
  return stdout.trimEnd().split("\n");
}
