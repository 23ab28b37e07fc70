import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { run } from "./command.ts";
import { startServer } from "./server.ts";

const LONGEST_MS = 60_000;
const BLOCK = /<!-- (examples\/readme\/\S+) -->\n```\w+\n([\s\S]*?)```/g;

test("the research report gets written through a crash, by agents in two languages", async () => {
  const { code, text } = await run(process.execPath, ["examples/run.ts", "research-report"]);
  expect([code, text]).toEqual([0, expect.any(String)]);
  const inOrder = [
    /server +serves on/,
    /run +1 +RUNNING/,
    /task .*plan: .*planner/,
    /step .*plan: SUCCEEDED/,
    /task .*background: .*researcher/,
    /task .*draft: RETRY_WAIT/,
    /server +is killed with SIGKILL/,
    /server +is back/,
    /task .*draft: .*attempt 2/,
    /step .*draft: SUCCEEDED/,
    /step .*review: SUCCEEDED/,
    /step .*finish: SUCCEEDED/,
    /run +\d+ +SUCCEEDED/,
  ];
  let at = 0;
  for (const part of inOrder) {
    const found = part.exec(text.slice(at));
    expect([part, found?.index, text]).toEqual([part, expect.any(Number), text]);
    at += found?.index ?? 0;
  }
  expect(text.match(/^watch +interrupted after entry \d+/gm)).toHaveLength(1);
  const logs = [...text.matchAll(/^log +(.*)$/gm)].map(([, line]) => line);
  // What is logged last comes at the moment the run ends.
  for (const line of ["planner: starts plan, attempt 1", "writer: finished revise"])
    expect(logs.filter((shown) => shown === line)).toEqual([line]);
  expect(text.slice(at)).toContain("tea");
}, 90_000);

test("the blocks of the README are the files that are run here, and run as it says", async () => {
  const readme = readFileSync("README.md", "utf8");
  const blocks = [...readme.matchAll(BLOCK)];
  const files = ["examples/readme/curl.sh", "examples/readme/watch.ts"];
  expect(blocks.map(([, file]) => file)).toEqual(files);
  for (const [, file = "", block] of blocks) expect(readFileSync(file, "utf8")).toBe(block);

  const server = await startServer();
  const { url: URL } = server;
  // It answers a moment before it says so.
  await expect
    .poll(() => withoutValues(server.output), { timeout: LONGEST_MS })
    .toEqual(withoutValues(logBlock(readme)));
  const curl = await run("sh", ["-eu", "examples/readme/curl.sh"], { URL });
  expect([curl.code, curl.text]).toEqual([0, expect.stringContaining("RUN_STATE_SUCCEEDED")]);
  expect(curl.text.slice(curl.text.lastIndexOf("RUN_STATE_SUCCEEDED"))).toContain("Hello, Ada");

  // Whoever pastes the block has set nothing.
  const [setting = ""] = readFileSync("examples/readme/curl.sh", "utf8").split("\n");
  const unset = await run("sh", ["-euc", `${setting}; echo "$URL"`]);
  expect(unset).toEqual({ code: 0, text: "http://127.0.0.1:6772\n" });
  expect(jsonLines(curl.text)).toHaveLength(4);

  const watch = await run(process.execPath, ["examples/readme/watch.ts"], { URL });
  expect(watch.code).toBe(0);
  const lines = watch.text.trim().split("\n");
  expect(lines.map((line) => Number(line.split(" ")[0]))).toEqual(lines.map((_, i) => i + 1));
  expect(lines[0]).toMatch(/^1 run/);
  expect(lines.at(-1)).toMatch(/ run/);
  expect(lines).toContainEqual(expect.stringMatching(/ task greet$/));
});

function jsonLines(text: string): readonly Record<string, unknown>[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function logBlock(readme: string): string {
  return /```text\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
}

/** The lines of a log, without what differs from start to start. */
function withoutValues(text: string): readonly object[] {
  return jsonLines(text).map(({ level, msg, time, ...rest }) => ({
    level,
    msg,
    time: typeof time,
    names: Object.keys(rest),
  }));
}
