import type { Ops } from "../connect.ts";
import { allOf, between, equals, labeled } from "../filters.ts";
import { fullId } from "../ids.ts";
import { LABEL_OPTION, LIST_OPTIONS, SINCE_OPTION, UNTIL_OPTION } from "../options.ts";
import { templates } from "../template/view.ts";

/** Which runs, for commands that act on many. */
export const SELECT_OPTIONS = {
  template: { value: "TEMPLATE", about: "only of this template: its id, or the beginning of it" },
  label: LABEL_OPTION,
  since: { ...SINCE_OPTION, about: `started ${SINCE_OPTION.about}` },
  until: { ...UNTIL_OPTION, about: `started ${UNTIL_OPTION.about}` },
  filter: LIST_OPTIONS.filter,
} as const;

export interface Selection {
  readonly template?: string | undefined;
  readonly label: readonly (readonly [key: string, value: string])[];
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly filter?: string | undefined;
}

/** The runs that the flags select, as a filter; "" when they say nothing. */
export async function selectionOf(
  ops: Ops,
  { template, label, since, until, filter }: Selection,
): Promise<string> {
  const templateId = template && (await fullId(templates, ops, template));
  return allOf(
    filter,
    equals("template_id", templateId),
    labeled(label),
    between("create_time", since, until),
  );
}
