import { canonicalJson } from "../core/canonical-json.ts";
import { Refused } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { Limits } from "../core/limits.ts";
import { planTemplate } from "../core/plan-template.ts";
import { checkTemplate } from "../core/template.ts";
import type { Bounds, Template } from "../core/template-types.ts";
import type { Entity, Store } from "../store/store.ts";
import { stamp } from "./advance.ts";
import type { Caller } from "./caller.ts";
import type { Changes } from "./changes.ts";
import { sha256 } from "./digest.ts";
import type { Draft } from "./draft.ts";
import { templateKey, versionKey } from "./keys.ts";
import { scan } from "./scan.ts";
import type { TemplateRecord, Templates, TemplateVersion } from "./templates.ts";

/** Plans kept ready; a plan is made from its version in about a millisecond. */
const PLANS_MAX = 1_000;
/** Versions kept decoded: with its source one may be some MiB. */
const VERSIONS_MAX = 50;

interface TemplateState {
  readonly defaultVersion: string;
}

/** Publishes templates and finds them. A version never changes once it is published. */
export function createTemplates(store: Store, changes: Changes, limits: Limits): Templates {
  const versionOf = kept(VERSIONS_MAX, (...named) => loadVersion(store, ...named));
  return {
    ...createReads(store, versionOf, limits),
    plan: kept(PLANS_MAX, async (...named) => planTemplate((await versionOf(...named)).template)),

    async publish(caller, template, { sourceText, makeDefault }) {
      const bounds = boundsOf(template, limits);
      const digest = digestOf(template);
      const { templateId } = template;
      return changes.mutate(caller, `template/${caller.ns}/${templateId}`, async () => {
        const draft = changes.draft(caller.ns);
        const source = sourceText === undefined ? {} : { sourceText };
        const publishedAtMs = draft.nowMs;
        const made = { template, ...source, digest, bounds, actor: caller.actor, publishedAtMs };
        const result = await writeVersion(draft, caller, made, makeDefault);
        return { ...draft.toChange(), result };
      });
    },
  };
}

/** Writes a version that is new, and whose the default is. */
async function writeVersion(
  draft: Draft,
  caller: Caller,
  made: TemplateVersion,
  makeDefault: boolean,
): Promise<{ readonly record: TemplateRecord; readonly created: boolean }> {
  const { templateId, version } = made.template;
  const key = templateKey(draft.ns, templateId);
  const own = versionKey(draft.ns, templateId, version);
  await draft.load(key, own);
  const published = draft.get<TemplateVersion>(own);
  if (published !== undefined && published.digest !== made.digest) {
    throw new Refused({ code: "template_version_exists", id: templateId, version });
  }
  const before = draft.get<TemplateState>(key)?.defaultVersion;
  const defaultVersion = makeDefault ? version : (before ?? version);
  if (before !== defaultVersion) draft.put(key, { status: "published", state: { defaultVersion } });
  if (published === undefined) {
    const { digest } = made;
    draft.put(own, { status: "published", parent: templateId, state: made });
    const event = { type: "template_published", templateId, version, digest } as const;
    draft.entry(key, { event, ...stamp(draft, caller) });
  }
  const isDefault = defaultVersion === version;
  const record = { ...(published ?? made), isDefault, revision: draft.revision(key) };
  return { record, created: published === undefined };
}

function createReads(
  store: Store,
  versionOf: OfVersion<TemplateVersion>,
  limits: Limits,
): Pick<Templates, "get" | "list"> {
  async function head(ns: string, id: string) {
    const [entity] = await store.load([templateKey(ns, id)]);
    if (entity === undefined) throw missing(id);
    const { defaultVersion } = JSON.parse(entity.state) as TemplateState;
    return { defaultVersion, revision: entity.revision };
  }

  async function defaultOf({ ns, id, state, revision }: Entity): Promise<TemplateRecord> {
    const { defaultVersion } = JSON.parse(state) as TemplateState;
    return { ...(await versionOf(ns, id, defaultVersion)), isDefault: true, revision };
  }

  return {
    async get(ns, id, name) {
      const { defaultVersion, revision } = await head(ns, id);
      const found = await versionOf(ns, id, name ?? defaultVersion);
      return { ...found, isDefault: found.template.version === defaultVersion, revision };
    },

    async list(ns, { templateId, ...options }) {
      if (templateId === undefined) {
        const query = { ns, kind: "template", order: "id" } as const;
        const page = await scan(store, query, options, limits.page_scan_items, (entity) => entity);
        return { ...page, items: await Promise.all(page.items.map(defaultOf)) };
      }
      const { defaultVersion, revision } = await head(ns, templateId);
      const query = { ns, kind: "template_version", parent: templateId, order: "newest" } as const;
      return scan(store, query, options, limits.page_scan_items, (entity) => {
        const found = decode(entity);
        return { ...found, isDefault: found.template.version === defaultVersion, revision };
      });
    },
  };
}

type OfVersion<T> = (ns: string, id: string, name: string) => Promise<T>;

/** Versions are immutable, so what is made of one is kept by its name. */
function kept<T>(max: number, make: OfVersion<T>): OfVersion<T> {
  const made = new Map<string, T>();
  return async (ns, id, name) => {
    const key = `${ns}/${id}@${name}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const fresh = await make(ns, id, name);
    const [oldest] = made.keys();
    if (made.size >= max && oldest !== undefined) made.delete(oldest);
    made.set(key, fresh);
    return fresh;
  };
}

async function loadVersion(
  store: Store,
  ns: string,
  id: string,
  name: string,
): Promise<TemplateVersion> {
  const [entity] = await store.load([versionKey(ns, id, name)]);
  if (entity === undefined) throw missing(`${id}@${name}`);
  return decode(entity);
}

/** SHA-256 of the canonical form: defaults are left out, so it does not depend on them. */
function digestOf(template: Template): string {
  const canonical = JSON.parse(JSON.stringify(template)) as JsonObject;
  return Buffer.from(sha256(canonicalJson(canonical))).toString("hex");
}

/** @throws {Refused} `template_invalid` */
function boundsOf(template: Template, limits: Limits): Bounds {
  const { diagnostics, bounds } = checkTemplate(template, limits);
  if (bounds === undefined) throw new Refused({ code: "template_invalid", diagnostics });
  return bounds;
}

function decode({ state }: Entity): TemplateVersion {
  return JSON.parse(state) as TemplateVersion;
}

function missing(id: string): Refused {
  return new Refused({ code: "not_found", what: "template", id });
}
