import { fromJson } from "@bufbuild/protobuf";
import { type WorkflowTemplate, WorkflowTemplateSchema } from "../../gen/opscore/v1/template_pb.ts";
import type { TemplateSource } from "../../gen/opscore/v1/workflow_pb.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import { Refused } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import { checkTemplate, isTooDeep } from "../core/template.ts";
import { MAX_DIAGNOSTICS } from "../core/template-findings.ts";
import type { Bounds, Template } from "../core/template-types.ts";
import { byteLength } from "./convert.ts";
import { fromTemplate } from "./convert-template.ts";
import { type Place, shapeTemplate } from "./template-shape.ts";
import { parseTemplateText } from "./template-text.ts";
import type { TextNode } from "./template-text-worker.ts";

/** What became of a source. */
export interface LoadedTemplate {
  /** Absent when there are errors. */
  readonly template?: Template;
  /** Absent when the source could not be read as a message. */
  readonly message?: WorkflowTemplate;
  /** At most 100, in the order of the source. */
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when there are errors. */
  readonly bounds?: Bounds;
}

/**
 * Reads and checks a template, as text or as a message. Findings about a text
 * have its line and column, and pointers in the names that its author used.
 *
 * @throws {Refused} `too_large` for a text above `template_source_bytes`,
 *   `invalid_field` for a message with an enum value that is not known.
 */
export async function loadTemplate(
  { source }: TemplateSource,
  limits: Limits,
): Promise<LoadedTemplate> {
  switch (source.case) {
    case "text":
      return loadText(source.value, limits);
    case "template":
      return loadMessage(source.value, limits);
    default: {
      const message = "give a template, as text or as a message";
      throw new Refused({ code: "invalid_field", pointer: "/source", message });
    }
  }
}

function loadMessage(message: WorkflowTemplate, limits: Limits): LoadedTemplate {
  if (isTooDeep(message)) {
    const text = "The template is nested too deeply.";
    return {
      diagnostics: [{ code: "LIMIT_EXCEEDED", message: text, error: true, pointer: "" }],
    };
  }
  const template = fromTemplate(message);
  const { diagnostics, bounds } = checkTemplate(template, limits);
  return { message, diagnostics, ...(bounds && { template, bounds }) };
}

async function loadText(text: string, limits: Limits): Promise<LoadedTemplate> {
  checkLength(text, limits.template_source_bytes);
  const { root, problems } = await parseTemplateText(text);
  const found: Diagnostic[] = problems.map((problem) => ({ ...problem, error: true }));
  if (root === undefined) return { diagnostics: inOrder(found) };
  const { json, places, stepsLost } = shapeTemplate(
    WorkflowTemplateSchema,
    root,
    (code, message, pointer, { line, column }, suggestion) => {
      if (problems.some((problem) => problem.pointer === pointer)) return;
      const detail = suggestion === undefined ? {} : { suggestion };
      found.push({ code, message, error: true, pointer, line, column, ...detail });
    },
  );
  const message = fromJson(WorkflowTemplateSchema, json);
  if (problems.length > 0 || stepsLost) return { message, diagnostics: inOrder(found) };
  const loaded = loadMessage(message, limits);
  const lines = text.split("\n");
  const checked = loaded.diagnostics.map((diagnostic) => locate(diagnostic, places, lines));
  // What does not fit was left out: what is missing for that reason is no news.
  const news = checked.filter(({ pointer }) => !found.some((other) => touches(other, pointer)));
  if (found.length === 0) return { ...loaded, diagnostics: inOrder(news) };
  return { message, diagnostics: inOrder([...found, ...news]) };
}

/** @throws {Refused} `too_large`. */
function checkLength(text: string, limit: number): void {
  const actual = byteLength(text);
  if (actual <= limit) return;
  const pointer = "/source/text";
  throw new Refused({
    code: "too_large",
    name: "template_source_bytes",
    value: limit,
    actual,
    pointer,
  });
}

function touches({ pointer: wrong }: Diagnostic, pointer: string): boolean {
  return `${wrong}/`.startsWith(`${pointer}/`) || `${pointer}/`.startsWith(`${wrong}/`);
}

function inOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const position = ({ line = 1, column = 1 }: Diagnostic) => [line, column] as const;
  const sorted = diagnostics.toSorted((a, b) => {
    const [[lineA, columnA], [lineB, columnB]] = [position(a), position(b)];
    return lineA - lineB || columnA - columnB;
  });
  return sorted.slice(0, MAX_DIAGNOSTICS);
}

/** The finding in the author's names, with its place in the text. */
function locate(
  diagnostic: Diagnostic,
  places: ReadonlyMap<string, Place>,
  lines: readonly string[],
): Diagnostic {
  const { place, rest } = placeOf(diagnostic.pointer, places);
  const start = rest === "" ? diagnostic.range?.start : undefined;
  const { line, column } = place.node;
  return {
    ...diagnostic,
    pointer: place.pointer + rest,
    ...(start === undefined ? { line, column } : positionIn(place.node, start, lines)),
  };
}

/** The place of a pointer, or of the nearest one around it that the author wrote. */
function placeOf(
  pointer: string,
  places: ReadonlyMap<string, Place>,
): { readonly place: Place; readonly rest: string } {
  let known = pointer;
  for (;;) {
    const place = places.get(known);
    if (place !== undefined) return { place, rest: pointer.slice(known.length) };
    known = known.slice(0, known.lastIndexOf("/"));
  }
}

/** Line and column of a character of a value: exact where the value stands word for word. */
function positionIn(
  node: TextNode,
  offset: number,
  lines: readonly string[],
): { readonly line: number; readonly column: number } {
  const { line, column } = node;
  if (node.type !== "scalar" || typeof node.value !== "string") return { line, column };
  const before = node.value.slice(0, offset).split("\n");
  const inLine = [...(before.at(-1) ?? "")].length;
  if (node.verbatimColumn !== undefined) return { line, column: node.verbatimColumn + inLine };
  if (node.block === undefined) return { line, column };
  const lineInText = line + before.length;
  const content = node.value.split("\n")[before.length - 1] ?? "";
  const indent = (lines[lineInText - 1] ?? "").replace(/\r$/, "").length - content.length;
  return { line: lineInText, column: Math.max(0, indent) + inLine + 1 };
}
