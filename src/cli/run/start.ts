import type { JsonValue } from "@bufbuild/protobuf";
import { dataOf } from "../api/data.ts";
import { usage } from "../cli-error.ts";
import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { REQUEST_ID_OPTION } from "../options.ts";
import { templates } from "../template/view.ts";
import { jsonOrText, parsePair } from "../values.ts";
import { awaitEnd, refuseUnlessSucceeded } from "./await.ts";
import { showUntilEnd } from "./show.ts";
import { runs } from "./view.ts";

export const runStart = command({
  path: "run start",
  summary: "start a run of a template",
  description:
    "Start a run of a template. With --wait it ends when the run does, with --follow it shows the steps meanwhile: exit 7 when the run failed, 8 when it was cancelled. Ctrl-C and --timeout end the waiting, not the run.",
  arguments: { template: { about: "its id, or the beginning of it" } },
  options: {
    input: {
      value: "KEY=VALUE",
      about: "a field of the input, taken as JSON where it is; may be given again",
      short: "i",
      many: true,
      parse: parsePair,
    },
    data: {
      value: "JSON",
      about: "the whole input: JSON, @FILE, or - for standard input",
      short: "d",
    },
    follow: { about: "show the steps until it has ended, then its output", short: "f" },
    wait: { about: "until it has ended, then print it", short: "w" },
    id: { value: "ID", about: "its id; without it the server makes one" },
    version: { value: "VERSION", about: "this version instead of the default", flag: "--at" },
    label: {
      value: "KEY=VALUE",
      about: "a label of the run; may be given again",
      many: true,
      parse: parsePair,
    },
    priority: {
      value: "1-9",
      about: "9 goes first (default: the template's)",
      parse: parsePriority,
    },
    requestId: REQUEST_ID_OPTION,
  },
  prints: runs,
  examples: [
    {
      run: "opscore run start report -i topic=tea --label team=core",
      shows: /RUN +[0-9a-f-]{36}\nSTATE +RUNNING\nTEMPLATE +report@1\.0\.0\n/,
    },
    {
      run: "opscore run start sum -i a=1 -i b=2 --follow",
      about: "see it through",
      shows: /^\{\n +"total": 3\n\}\n\S+ +sum@1\.0\.0\n ✓ add .*\n.* SUCCEEDED /,
    },
    {
      run: `echo '{"a": 20, "b": 22}' | opscore run start sum -d - --wait --json output`,
      about: "for a program",
      shows: /"total": 42\n/,
    },
    {
      run: "opscore run start sum -i a=1 --wait",
      about: "a run that fails",
      shows: /STATE +FAILED\n(.*\n)+error: run \S+ failed: .*\(EXPRESSION\)/,
      exit: "runFailed",
    },
    {
      run: "opscore run start report --id report-1",
      about: "an id is taken once",
      shows: /\(RUN_EXISTS\)/,
      exit: "conflict",
    },
    {
      run: "opscore run start report -i topic=tea --follow --timeout 1s",
      about: "nobody searches here",
      shows: /error: not done within 1 s/,
      exit: "timeout",
    },
  ],
  exits: [...CALL_EXITS, "notFound", "conflict", "runFailed", "runCancelled"],
  async run(context, { template, label, id: runId = "", version = "", ...given }) {
    const input = await inputOf(given.input, given.data);
    const workflow = await context.ops.workflow();
    const { fromJson } = await import("@bufbuild/protobuf");
    const { ValueSchema } = await import("@bufbuild/protobuf/wkt");
    const data =
      input === undefined
        ? undefined
        : { case: "json" as const, value: fromJson(ValueSchema, input) };
    const { run } = await byId(templates, context.ops, template, (templateId) =>
      workflow.startRun({
        templateId,
        version,
        runId,
        ...(data && { input: { data } }),
        labels: Object.fromEntries(label),
        priority: given.priority ?? 0,
        requestId: given.requestId ?? "",
      }),
    );
    if (run === undefined) return;
    if (given.follow) return await showUntilEnd(context, run);
    if (!given.wait) {
      await context.print.one(run);
      return context.hint(`opscore run watch ${run.runId} shows how it goes`);
    }
    const ended = await awaitEnd(context, run.runId);
    await context.print.one(ended);
    await refuseUnlessSucceeded(ended);
  },
});

async function inputOf(
  fields: readonly (readonly [key: string, value: string])[],
  data: string | undefined,
): Promise<JsonValue | undefined> {
  if (data === undefined && fields.length === 0) return undefined;
  if (fields.length === 0) return await dataOf(data);
  if (data !== undefined) throw usage("--data is the whole input: it leaves no place for --input");
  return Object.fromEntries(fields.map(([key, value]) => [key, jsonOrText(value)]));
}

function parsePriority(text: string): number {
  if (!/^[1-9]$/.test(text)) throw usage("must be a whole number from 1 to 9");
  return Number(text);
}
