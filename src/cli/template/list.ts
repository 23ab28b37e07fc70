import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { fullId } from "../ids.ts";
import { LIST_OPTIONS } from "../options.ts";
import { pages } from "../pages.ts";
import { templates } from "./view.ts";

const { limit, pageToken } = LIST_OPTIONS;

export const templateList = command({
  path: "template list",
  aliases: ["ls"],
  summary: "templates, or the versions of one",
  arguments: {
    template: {
      about:
        "its id, or the beginning of it: then all its versions; without one, the default of each",
      optional: true,
    },
  },
  options: { limit, pageToken },
  prints: templates,
  examples: [
    { run: "opscore template list", shows: /report +1\.0\.0 +yes.*\nsum +1\.0\.0 +yes/ },
    {
      run: "opscore templates ls sum -o wide",
      about: "the versions of one",
      shows: /sum +1\.0\.0 +yes .*[0-9a-f]{64}/,
    },
  ],
  exits: CALL_EXITS,
  async run(context, { template, limit, pageToken }) {
    const workflow = await context.ops.workflow();
    const templateId = template === undefined ? "" : await fullId(templates, context.ops, template);
    await context.print.all(
      pages(
        async (pageSize, token) => {
          const page = await workflow.listTemplates({ templateId, pageSize, pageToken: token });
          return { items: page.versions, next: page.nextPageToken };
        },
        { limit, pageToken },
        context.more,
      ),
    );
  },
});
