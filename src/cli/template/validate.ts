import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { formatSpan, msOf } from "../output/time.ts";
import type { View } from "../output/view.ts";
import { FILE_OPTION, sourcesOf } from "./files.ts";

/** One thing that was found in a file. */
interface Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly level: "error" | "warning";
  readonly code: string;
  readonly pointer: string;
  readonly message: string;
  readonly suggestion: string;
}

const findings: View<Finding> = {
  noun: "finding",
  tally: ["level"],
  id: ({ code, pointer }) => `${code} ${pointer}`,
  columns: [
    { head: "PLACE", text: ({ file, line, column }) => `${file}:${line}:${column}` },
    { head: "LEVEL", text: ({ level }) => level.toUpperCase() },
    { head: "CODE", field: "code" },
    {
      head: "MESSAGE",
      text: ({ message, suggestion }) => message + (suggestion && `; write ${suggestion}`),
    },
    { head: "POINTER", field: "pointer", wide: true },
  ],
};

export const templateValidate = command({
  path: "template validate",
  aliases: ["check"],
  summary: "check templates, and publish nothing",
  description:
    "Check templates, and publish nothing: prints everything that is wrong with them, with its place, and says what a run can come to. Exit 2 when there are errors.",
  options: { file: FILE_OPTION },
  prints: findings,
  examples: [
    {
      run: "opscore template validate -f report.yaml",
      shows: /^report\.yaml: a run comes to at most 2 tasks, 10 attempts\n$/,
    },
    {
      run: "sed 's/search, /serach, /; s/id: draft/id: search/' report.yaml | opscore template validate -f -",
      about: "all at once",
      shows: /stdin:8:\d+ +ERROR +ID_DUPLICATE +Step search stands at/,
      exit: "usage",
    },
  ],
  exits: CALL_EXITS,
  async run(context, { file }) {
    const sources = await sourcesOf(file);
    const workflow = await context.ops.workflow();
    const found: Finding[] = [];
    for (const { file, text } of sources) {
      const source = { source: { case: "text", value: text } } as const;
      const { diagnostics, bounds } = await workflow.validateTemplate({ source });
      for (const { line, column, error, code, pointer, message, suggestion } of diagnostics) {
        const level = error ? "error" : "warning";
        found.push({ file, line, column, level, code, pointer, message, suggestion });
      }
      if (bounds === undefined) continue;
      const { maxTasks, maxAttempts, maxTime } = bounds;
      const time = maxTime && `, ${formatSpan(msOf(maxTime))}`;
      const what = `${maxTasks} tasks, ${maxAttempts} attempts${time ?? ""}`;
      context.note(`${file}: a run comes to at most ${what}`);
    }
    if (found.length > 0) await context.print.all(found);
    return found.some(({ level }) => level === "error") ? "usage" : "ok";
  },
});
