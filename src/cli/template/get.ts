import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { templates } from "./view.ts";

export const templateGet = command({
  path: "template get",
  summary: "one version of a template",
  arguments: { template: { about: "its id, or the beginning of it" } },
  options: {
    version: { value: "VERSION", about: "this version instead of the default", flag: "--at" },
    source: { about: "print the text that it was published from" },
  },
  prints: templates,
  examples: [
    {
      run: "opscore template get report",
      shows: /TEMPLATE +report\nVERSION +1\.0\.0\nDEFAULT +yes\n/,
    },
    { run: "opscore template get sum --source", shows: /^\n?template_id: sum\nversion: 1\.0\.0\n/ },
    { run: "opscore template get sum -o yaml", about: "as a message", shows: /templateId: sum\n/ },
    {
      run: "opscore template get reprot",
      shows: /no template "reprot" \(TEMPLATE_NOT_FOUND\)\nhint: did you mean report\?/,
      exit: "notFound",
    },
  ],
  exits: [...CALL_EXITS, "notFound"],
  async run(context, { template, version = "", source }) {
    const workflow = await context.ops.workflow();
    const found = await byId(templates, context.ops, template, (templateId) =>
      workflow.getTemplate({ templateId, version }),
    );
    if (found.version === undefined) return;
    if (!source) return await context.print.one(found.version);
    const { sourceText } = found.version;
    if (sourceText === "") context.note("it was published as a message: -o yaml shows it");
    await context.write(sourceText.endsWith("\n") ? sourceText : `${sourceText}\n`);
  },
});
