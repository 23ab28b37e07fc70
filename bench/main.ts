import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Plan, Scenario } from "./plan.ts";
import { environment, environmentLine, type Row, tableOf } from "./report.ts";
import { dispatch } from "./scenarios/dispatch.ts";
import { reports } from "./scenarios/reports.ts";
import { runs } from "./scenarios/runs.ts";
import { start } from "./scenarios/start.ts";
import { streams } from "./scenarios/streams.ts";
import { tails } from "./scenarios/tails.ts";

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  reports,
  runs,
  dispatch,
  tails,
  start,
  streams,
};

const USAGE = `Usage: npm run bench -- [options]
  --only NAME        one of ${Object.keys(SCENARIOS).join(", ")}; may be given again
  --once             everything once and small, in seconds: figures mean nothing
  --rounds N         rounds of each variant, in turn (3)
  --seconds N        of one variant in one round (3)
  -o, --output FORM  table or json (table)
  --json FILE        the figures as JSON, beside the table
  --cpu-prof FOLDER  CPU profiles of the server, one per thread
`;

const { values: given } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: Object.keys(SCENARIOS) },
    once: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    output: { type: "string", short: "o", default: "table" },
    json: { type: "string" },
    "cpu-prof": { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

const unknown = given.only.filter((name) => SCENARIOS[name] === undefined);
if (given.help || unknown.length > 0) {
  for (const name of unknown) process.stderr.write(`There is no ${name}.\n`);
  process.stderr.write(USAGE);
  process.exit(given.help ? 0 : 2);
}
if (process.platform !== "linux") {
  process.stderr.write("CPU time and memory are read from /proc: the bench needs Linux.\n");
  process.exit(1);
}

const plan: Plan = {
  once: given.once,
  rounds: given.once ? 1 : Number(given.rounds),
  warmUps: given.once ? 0 : 1,
  ms: given.once ? 100 : Number(given.seconds) * 1_000,
  ...(given["cpu-prof"] !== undefined && { profileFolder: given["cpu-prof"] }),
};
const env = environment();
const say = (text: string): unknown =>
  given.output === "table" && process.stdout.write(`${text}\n`);
say(environmentLine(env));

const results: Record<string, readonly Row[]> = {};
for (const [name, { title, run }] of Object.entries(SCENARIOS)) {
  if (!given.only.includes(name)) continue;
  const rows = await run(plan);
  results[name] = rows;
  say(`\n${tableOf(title, rows)}`);
}
const json = JSON.stringify(
  { environment: env, rounds: plan.rounds, ms: plan.ms, results },
  null,
  2,
);
if (given.json !== undefined) writeFileSync(given.json, `${json}\n`);
if (given.output === "json") process.stdout.write(`${json}\n`);
process.exit(0);
