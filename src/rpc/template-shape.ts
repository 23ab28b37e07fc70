import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import {
  DurationSchema,
  FeatureSet_FieldPresence,
  StructSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { unreachable } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";
import { below } from "../core/template-findings.ts";
import type { TextEntry, TextNode, TextPosition } from "./template-text-worker.ts";

/** A place of the template: how its author points to it, and what stands there. */
export interface Place {
  readonly pointer: string;
  readonly node: TextNode;
}

/** A text given the form of a message. */
export interface ShapedTemplate {
  /** ProtoJSON; what does not fit is left out. */
  readonly json: JsonObject;
  /** Places by pointer in the names of the contract. */
  readonly places: ReadonlyMap<string, Place>;
  /** Steps may be missing for what was left out: do not look for steps that are not there. */
  readonly stepsLost: boolean;
}

export type ReportShape = (
  code: string,
  message: string,
  pointer: string,
  position: TextPosition,
  suggestion?: string,
) => void;

/** What a value became; undefined when it does not fit. */
type Shaped = JsonValue | undefined;

/** What the walk of one text carries around. */
interface Walk {
  readonly places: Map<string, Place>;
  readonly report: ReportShape;
  stepsLost: boolean;
}

/** Where the walk is: in the names of the contract, and in those of the author. */
interface At {
  readonly canonical: string;
  readonly written: string;
}

/**
 * Walks a text along the descriptor of its message: rewrites durations like
 * `1d2h` and enum values like `graph`, takes both names of a field, and reports
 * every key that is unknown and every value that is of another type.
 */
export function shapeTemplate(
  desc: DescMessage,
  root: TextNode,
  report: ReportShape,
): ShapedTemplate {
  const walk: Walk = { places: new Map(), report, stepsLost: false };
  const json = shapeMessage(desc, root, { canonical: "", written: "" }, walk);
  const { places, stepsLost } = walk;
  return { json: isObject(json) ? json : {}, places, stepsLost };
}

/** The name of a field in pointers: its own, or the one the contract gives it for people. */
function pointerName(field: DescField): string {
  const derived = field.name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return field.jsonName === derived ? field.name : field.jsonName;
}

function shapeMessage(desc: DescMessage, node: TextNode, at: At, walk: Walk): Shaped {
  walk.places.set(at.canonical, { pointer: at.written, node });
  if (desc.typeName === DurationSchema.typeName) return shapeDuration(node, at, walk);
  if (desc.typeName === ValueSchema.typeName) return plainJson(node, at, walk);
  if (node.type !== "map") return refuseType("a map", node, at, walk);
  if (desc.typeName === StructSchema.typeName) return plainJson(node, at, walk);
  return shapeFields(desc, node.entries, at, walk);
}

function shapeFields(
  desc: DescMessage,
  entries: readonly TextEntry[],
  at: At,
  walk: Walk,
): Record<string, JsonValue> {
  const shaped: Record<string, JsonValue> = {};
  const taken = new Map<string, string>();
  let misspelt = false;
  for (const entry of entries) {
    const field = fieldOf(desc, entry.key);
    if (field === undefined) {
      refuseKey(desc, entry, at, walk);
      misspelt = true;
    } else if (!isUnsaid(field, entry.value)) {
      const place = step(at, pointerName(field), entry.key);
      if (!isTaken(taken, field, entry, place, walk)) {
        const value = shapeField(field, entry.value, place, walk);
        if (value !== undefined) shaped[field.name] = value;
      }
    }
  }
  const unsaid = desc.fields.filter(({ name }) => shaped[name] === undefined);
  walk.stepsLost ||= misspelt && unsaid.some(({ name }) => name === "steps" || name === "main");
  return shaped;
}

/** A null says nothing, except where any JSON value can stand. */
function isUnsaid(field: DescField, value: TextNode): boolean {
  return isNull(value) && field.message?.typeName !== ValueSchema.typeName;
}

/** Reports a field that excludes one that was said before. */
function isTaken(
  taken: Map<string, string>,
  field: DescField,
  entry: TextEntry,
  place: At,
  walk: Walk,
): boolean {
  const slot = field.oneof?.name ?? field.name;
  const other = taken.get(slot);
  if (other === undefined) {
    taken.set(slot, entry.key);
    return false;
  }
  const message = `\`${entry.key}\` and \`${other}\` cannot stand together.`;
  walk.report("FIELD_CONFLICT", message, place.written, entry);
  return true;
}

function fieldOf(desc: DescMessage, key: string): DescField | undefined {
  return desc.fields.find((field) => field.name === key || field.jsonName === key);
}

function refuseKey(desc: DescMessage, entry: TextEntry, at: At, walk: Walk): void {
  const like = nearest(entry.key, desc.fields.map(pointerName));
  const message = `There is no field ${entry.key} here.`;
  walk.report("KEY_UNKNOWN", message, below(at.written, entry.key), entry, like);
}

function shapeField(field: DescField, node: TextNode, at: At, walk: Walk): Shaped {
  if (field.fieldKind === "list") return shapeList(field, node, at, walk);
  if (field.fieldKind === "map") return shapeMap(field, node, at, walk);
  const value = shapeSingle(field, node, at, walk);
  const isAbsent =
    field.presence === FeatureSet_FieldPresence.IMPLICIT && (value === 0 || value === "");
  if (!isAbsent) return value;
  walk.report(
    "VALUE_EMPTY",
    "This is as good as saying nothing: leave the field out.",
    at.written,
    node,
  );
  return undefined;
}

function shapeList(field: DescField, node: TextNode, at: At, walk: Walk): Shaped {
  walk.places.set(at.canonical, { pointer: at.written, node });
  if (node.type !== "list") return refuseType("a list", node, at, walk);
  return node.items.flatMap((item, index) => {
    const value = shapeSingle(field, item, step(at, index), walk);
    return value === undefined ? [] : [value];
  });
}

function shapeMap(field: DescField, node: TextNode, at: At, walk: Walk): Shaped {
  walk.places.set(at.canonical, { pointer: at.written, node });
  if (node.type !== "map") return refuseType("a map", node, at, walk);
  const shaped = node.entries.flatMap(({ key, value: inner }) => {
    const value = shapeSingle(field, inner, step(at, key), walk);
    return value === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(shaped);
}

/** One value: of the field itself, or one of its list or map. */
function shapeSingle(field: DescField, node: TextNode, at: At, walk: Walk): Shaped {
  if (field.message !== undefined) return shapeMessage(field.message, node, at, walk);
  walk.places.set(at.canonical, { pointer: at.written, node });
  if (field.enum !== undefined) return shapeEnum(field.enum, node, at, walk);
  const shaped = shapeScalar(field, node, at, walk);
  if (shaped === undefined && field.name === "id") walk.stepsLost = true;
  return shaped;
}

function shapeScalar(field: DescField, node: TextNode, at: At, walk: Walk): Shaped {
  const value = node.type === "scalar" ? node.value : undefined;
  switch (field.scalar) {
    case ScalarType.STRING:
      if (typeof value === "string") return value;
      return refuseType("a text", node, at, walk);
    case ScalarType.BOOL:
      if (typeof value === "boolean") return value;
      return refuseType("true or false", node, at, walk);
    case ScalarType.UINT32:
      if (typeof value === "number" && value >>> 0 === value) return value;
      return refuseType("a whole number, 0 or more", node, at, walk);
    case ScalarType.DOUBLE:
      if (typeof value === "number") return value;
      return refuseType("a number", node, at, walk);
    default:
      throw new Error(`templates have no fields of type ${field.scalar}`);
  }
}

function shapeEnum(desc: DescEnum, node: TextNode, at: At, walk: Walk): Shaped {
  const names = desc.values.slice(1).map((value) => value.name);
  const short = names.map((name) => name.slice(desc.sharedPrefix?.length ?? 0).toLowerCase());
  const value = node.type === "scalar" ? node.value : undefined;
  if (typeof value !== "string") return refuseType(`one of ${short.join(", ")}`, node, at, walk);
  const name = names[short.indexOf(value)] ?? names.find((known) => known === value);
  if (name !== undefined) return name;
  const message = `This is not one of ${short.join(", ")}.`;
  walk.report("ENUM_UNKNOWN", message, at.written, node, nearest(value, short));
  return undefined;
}

const DURATION =
  /^(?=.)(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,12})(?:\.(\d{1,9}))?s)?(?:(\d{1,9})ms)?$/;
const MAX_DURATION_SECONDS = 315_576_000_000;

/** ProtoJSON knows seconds only. */
function shapeDuration(node: TextNode, at: At, walk: Walk): Shaped {
  const value = node.type === "scalar" ? node.value : undefined;
  const parts = typeof value === "string" ? DURATION.exec(value)?.slice(1) : undefined;
  const [days, hours, minutes, wholeSeconds, fraction = "", ms] = parts ?? [];
  const count = (part: string | undefined) => Number(part ?? 0);
  const nanos = count(fraction.padEnd(9, "0")) + count(ms) * 1e6;
  const seconds =
    ((count(days) * 24 + count(hours)) * 60 + count(minutes)) * 60 +
    count(wholeSeconds) +
    Math.floor(nanos / 1e9);
  if (parts === undefined || seconds > MAX_DURATION_SECONDS) {
    const suggestion = typeof value === "number" && value > 0 ? `${value}s` : undefined;
    const message = "A duration looks like 1d2h3m4s5ms.";
    walk.report("DURATION_INVALID", message, at.written, node, suggestion);
    return undefined;
  }
  return `${seconds}.${String(nanos % 1e9).padStart(9, "0")}s`;
}

/** A value that is data: it stays as it is. */
function plainJson(node: TextNode, at: At, walk: Walk): JsonValue {
  walk.places.set(at.canonical, { pointer: at.written, node });
  switch (node.type) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.map((item, index) => plainJson(item, step(at, index), walk));
    case "map":
      return Object.fromEntries(
        node.entries.map(({ key, value }) => [key, plainJson(value, step(at, key), walk)]),
      );
    default:
      return unreachable(node);
  }
}

function refuseType(expected: string, node: TextNode, at: At, walk: Walk): undefined {
  const value = node.type === "scalar" ? node.value : null;
  const suggestion =
    expected === "a text" && value !== null ? JSON.stringify(`${value}`) : undefined;
  walk.report("TYPE_INVALID", `This must be ${expected}.`, at.written, node, suggestion);
  walk.stepsLost ||= expected === "a map" || expected === "a list";
  return undefined;
}

/** One token further; the author may have used another name for it. */
function step(at: At, token: string | number, written = token): At {
  return { canonical: below(at.canonical, token), written: below(at.written, written) };
}

function isNull(node: TextNode): boolean {
  return node.type === "scalar" && node.value === null;
}

function isObject(value: Shaped): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
