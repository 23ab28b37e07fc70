import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { FILE_OPTION, sourcesOf } from "./files.ts";
import { templates } from "./view.ts";

export const templateApply = command({
  path: "template apply",
  aliases: ["publish"],
  summary: "publish templates from files",
  description:
    "Publish templates from files, one after the other, until one is refused. A version never changes: the same again is fine, another content needs another version.",
  options: {
    file: FILE_OPTION,
    keepDefault: { about: "starts that name no version go on with the one they have" },
  },
  prints: templates,
  examples: [
    {
      run: "opscore template apply -f sum.yaml",
      shows: /TEMPLATE +VERSION.*\nsum +1\.0\.0 +yes/,
    },
    {
      run: "sed 's/1.0.0/1.1.0/' sum.yaml | opscore template apply -f - --keep-default --json template.version,isDefault",
      about: "a new version for those who name it",
      shows: /"version": "1\.1\.0"/,
    },
    {
      run: "sed 's/input.a/inptu.a/' sum.yaml | opscore template apply -f -",
      about: "every finding has its place",
      shows: /\n {2}4:\d+: inptu is not known here.*input.*\n/,
      exit: "usage",
    },
  ],
  exits: [...CALL_EXITS, "conflict"],
  async run(context, { file, keepDefault }) {
    const sources = await sourcesOf(file);
    const workflow = await context.ops.workflow();
    const { DefaultVersion } = await import("../../../gen/opscore/v1/workflow_pb.ts");
    const defaultVersion = keepDefault ? DefaultVersion.KEEP : DefaultVersion.SET;
    await context.print.all(published());

    async function* published() {
      for (const { file, text } of sources) {
        const source = { source: { case: "text", value: text } } as const;
        const call = workflow.publishTemplate({ source, defaultVersion });
        const { version, created, diagnostics } = await call.catch((error: unknown) => {
          context.note(`${file} is refused`);
          throw error;
        });
        for (const { line, column, message } of diagnostics) {
          context.note(`${file}:${line}:${column}: warning: ${message}`);
        }
        context.hint(`${file}: ${created ? "published" : "published before"}`);
        if (version !== undefined) yield version;
      }
    }
  },
});
