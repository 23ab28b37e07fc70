import type { Filter } from "../core/filter.ts";
import type { Plan } from "../core/template-plan.ts";
import type { Bounds, Template } from "../core/template-types.ts";
import type { PageOptions } from "./agents.ts";
import type { Answer, Caller } from "./caller.ts";

/** A published version: immutable. */
export interface TemplateVersion {
  readonly template: Template;
  readonly sourceText?: string;
  /** SHA-256 of the canonical form, lower-case hex. */
  readonly digest: string;
  readonly bounds: Bounds;
  readonly actor: string;
  readonly publishedAtMs: number;
}

export interface TemplateRecord extends TemplateVersion {
  readonly isDefault: boolean;
  /** Revision of the template over all its versions. */
  readonly revision: number;
}

export interface Templates {
  /**
   * Checks again and makes the version permanent; equal content again is `created: false`.
   * @throws {Refused} `template_invalid`, `template_version_exists`.
   */
  publish(
    caller: Caller,
    template: Template,
    options: { readonly sourceText?: string; readonly makeDefault: boolean },
  ): Promise<Answer<{ readonly record: TemplateRecord; readonly created: boolean }>>;
  /** Without a version: the default one. @throws {Refused} `not_found`. */
  get(ns: string, templateId: string, version?: string): Promise<TemplateRecord>;
  /** The default version of each template by id, or all versions of one, newest first. */
  list(
    ns: string,
    options: PageOptions & { readonly templateId?: string; readonly filter?: Filter },
  ): Promise<{
    readonly items: readonly TemplateRecord[];
    readonly next?: { readonly id: string; readonly createdMs: number };
  }>;
  /** The plan of a version that a run pinned. Cached by digest. */
  plan(ns: string, templateId: string, version: string): Promise<Plan>;
}
