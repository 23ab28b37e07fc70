import {
  DefaultVersion,
  type TemplateSource,
  TemplateVersionSchema,
  WorkflowService,
} from "../../gen/opscore/v1/workflow_pb.ts";
import { Refused } from "../core/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { TemplateRecord } from "../engine/templates.ts";
import type { Handlers } from "./call.ts";
import { mutatorOf, resultOf } from "./caller.ts";
import { type Init, required, toDiagnostics, toTime } from "./convert.ts";
import { toBounds } from "./convert-run.ts";
import { toTemplate } from "./convert-template.ts";
import { loadTemplate } from "./load-template.ts";
import { createPageTokens } from "./page-token.ts";
import { PAGE_ITEMS, pageSize, readPage } from "./pages.ts";

type Templates = Pick<
  Handlers<typeof WorkflowService>,
  "publishTemplate" | "validateTemplate" | "getTemplate" | "listTemplates"
>;

/** Templates on the wire. */
export function workflowTemplates({ templates, journals, limits }: Engine): Templates {
  const load = (source: TemplateSource | undefined) =>
    loadTemplate(required(source, "/source"), limits);

  return {
    async publishTemplate(message, call) {
      const { template, diagnostics } = await load(message.source);
      if (template === undefined) throw new Refused({ code: "template_invalid", diagnostics });
      const text = message.source?.source.case === "text" ? message.source.source.value : undefined;
      const caller = mutatorOf(call, WorkflowService.method.publishTemplate, message);
      const answer = await templates.publish(caller, template, {
        ...(text !== undefined && { sourceText: text }),
        makeDefault: message.defaultVersion !== DefaultVersion.KEEP,
      });
      const { record, created } = resultOf(call, answer);
      return { version: toVersion(record), created, diagnostics: toDiagnostics(diagnostics) };
    },

    async validateTemplate({ source }) {
      const { message, diagnostics, bounds } = await load(source);
      return {
        diagnostics: toDiagnostics(diagnostics),
        ...(bounds && { bounds: toBounds(bounds) }),
        ...(message && { template: message }),
      };
    },

    async getTemplate({ templateId, version }, call) {
      const wanted = version === "" ? undefined : version;
      return { version: toVersion(await templates.get(call.namespace, templateId, wanted)) };
    },

    async listTemplates({ templateId, pageToken, pageSize: asked }, call) {
      const ns = call.namespace;
      const tokens = createPageTokens(journals, "ListTemplates", ns, templateId);
      const after = tokens.item(pageToken);
      if (templateId !== "") await templates.get(ns, templateId);
      const options = { ...(templateId !== "" && { templateId }), ...(after && { after }) };
      const read = (limit: number) => templates.list(ns, { ...options, limit });
      const listing = { schema: TemplateVersionSchema, read, convert: toVersionHead };
      const page = await readPage(listing, pageSize(asked, PAGE_ITEMS, limits), limits.page_bytes);
      return { versions: page.items, nextPageToken: tokens.ofItem(page.next) };
    },
  };
}

function toVersion(record: TemplateRecord): Init<typeof TemplateVersionSchema> {
  const { template, sourceText, digest, isDefault, bounds, actor, publishedAtMs, revision } =
    record;
  return {
    template: toTemplate(template),
    ...(sourceText !== undefined && { sourceText }),
    digest,
    isDefault,
    bounds: toBounds(bounds),
    actor,
    createTime: toTime(publishedAtMs),
    revision: revision,
  };
}

/** A version without steps and source text. */
function toVersionHead(record: TemplateRecord): Init<typeof TemplateVersionSchema> {
  const { sourceText: _, ...version } = toVersion(record);
  const { main: __, ...template } = toTemplate(record.template);
  return { ...version, template };
}
