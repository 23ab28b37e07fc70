import type { TemplateVersion } from "../../../gen/opscore/v1/workflow_pb.ts";
import type { Ops } from "../connect.ts";
import { pairs } from "../output/text.ts";
import { formatSpan, msOf } from "../output/time.ts";
import type { View } from "../output/view.ts";

/** How versions of templates are shown. */
export const templates: View<TemplateVersion> = {
  noun: "template",
  schema: async () =>
    (await import("../../../gen/opscore/v1/workflow_pb.ts")).TemplateVersionSchema,
  id: ({ template }) => template?.templateId ?? "",
  ids: idsOf,
  columns: [
    { head: "TEMPLATE", text: ({ template }) => template?.templateId },
    { head: "VERSION", text: ({ template }) => template?.version },
    { head: "DEFAULT", text: ({ isDefault }) => (isDefault ? "yes" : "") },
    { head: "TITLE", text: ({ template }) => template?.title },
    { head: "TASKS", text: ({ bounds }) => bounds && `at most ${bounds.maxTasks}` },
    {
      head: "ATTEMPTS",
      text: ({ bounds }) => bounds && `at most ${bounds.maxAttempts}`,
      wide: true,
    },
    { head: "TIME", text: longestOf, wide: true },
    { head: "CREATED", field: "createTime" },
    { head: "BY", field: "actor", wide: true },
    { head: "DIGEST", field: "digest", wide: true },
    { head: "LABELS", text: ({ template }) => pairs(template?.labels), wide: true },
  ],
};

function longestOf({ bounds }: TemplateVersion): string {
  const time = bounds?.maxTime;
  if (bounds === undefined || time === undefined) return "";
  return `at most ${formatSpan(msOf(time))}`;
}

/** Lists of templates have no filter: the beginning is looked for among the first thousand. */
async function idsOf(ops: Ops, prefix: string, max: number): Promise<readonly string[]> {
  const workflow = await ops.workflow();
  const page = await workflow.listTemplates({ pageSize: 1_000 });
  return page.versions
    .map(({ template }) => template?.templateId ?? "")
    .filter((id) => id.startsWith(prefix))
    .slice(0, max);
}
