import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseAst } from "vitest/node";

/** A node of the syntax tree; only `type` and the positions are common to all. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

export interface Import {
  /** A path from the root for our own files, else as written. */
  readonly target: string;
  /** What it takes by name; `*` for everything. Empty for a dynamic import. */
  readonly names: readonly string[];
  readonly kind: "value" | "type" | "dynamic";
  /** True for `export … from`. */
  readonly passesOn: boolean;
}

export interface Export {
  readonly name: string;
  readonly start: number;
}

/** What the tests of the house ask about a file. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly nodes: readonly Node[];
  readonly imports: readonly Import[];
  /** Declared here; what is only passed on from another file is not among them. */
  readonly exports: readonly Export[];
}

/** Reads and parses the files of a glob, from the root. */
export function sources(...patterns: readonly string[]): readonly Source[] {
  return globSync(patterns)
    .map((file) => file.replaceAll("\\", "/"))
    .sort()
    .map(read);
}

/** Lets a rule list what breaks it, so that a failure names every place at once. */
export function line({ file, text }: Source, { start }: { readonly start: number }): string {
  return `${file}:${text.slice(0, start).split("\n").length}`;
}

export function nodeAt(node: Node, property: string): Node | undefined {
  const value = node[property];
  return isNode(value) ? value : undefined;
}

const parsed = new Map<string, Source>();

function read(file: string): Source {
  const known = parsed.get(file);
  if (known !== undefined) return known;
  const text = readFileSync(file, "utf8");
  const nodes = [...walk(parseAst(text, { lang: "ts" }) as unknown as Node)];
  const source = {
    file,
    text,
    nodes,
    imports: nodes.flatMap((node) => importOf(file, node)),
    exports: nodes.flatMap(exportsOf),
  };
  parsed.set(file, source);
  return source;
}

function* walk(node: Node): Generator<Node> {
  yield node;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) yield* walk(child);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

function importOf(file: string, node: Node): Import[] {
  const from = nodeAt(node, "source");
  if (typeof from?.["value"] !== "string") return [];
  const written = from["value"];
  const target = written.startsWith(".")
    ? relative(".", join(dirname(file), written)).replaceAll("\\", "/")
    : written;
  switch (node.type) {
    case "ImportDeclaration":
      return [
        {
          target,
          names: children(node, "specifiers").map((s) => nameOf(nodeAt(s, "imported")) ?? "*"),
          kind: isTypeOnly(node, "importKind") ? "type" : "value",
          passesOn: false,
        },
      ];
    case "ExportNamedDeclaration":
      return [
        {
          target,
          names: children(node, "specifiers").map((s) => nameOf(nodeAt(s, "local")) ?? "*"),
          kind: isTypeOnly(node, "exportKind") ? "type" : "value",
          passesOn: true,
        },
      ];
    case "ExportAllDeclaration":
      return [{ target, names: ["*"], kind: "value", passesOn: true }];
    case "ImportExpression":
    case "TSImportType":
      return [{ target, names: ["*"], kind: "dynamic", passesOn: false }];
    default:
      return [];
  }
}

/** `import type {…}`, or every name of the braces marked as a type. */
function isTypeOnly(node: Node, property: "importKind" | "exportKind"): boolean {
  const specifiers = children(node, "specifiers");
  return (
    node[property] === "type" ||
    (specifiers.length > 0 && specifiers.every((s) => s[property] === "type"))
  );
}

function exportsOf(node: Node): Export[] {
  if (node.type === "ExportDefaultDeclaration") return [{ name: "default", start: node.start }];
  if (node.type !== "ExportNamedDeclaration" || nodeAt(node, "source") !== undefined) return [];
  const declaration = nodeAt(node, "declaration");
  const declared = declaration === undefined ? [] : [declaration];
  return [
    ...declared.flatMap((d) => [d, ...children(d, "declarations")]).map((d) => nodeAt(d, "id")),
    ...children(node, "specifiers").map((s) => nodeAt(s, "exported")),
  ]
    .map(nameOf)
    .filter((name) => name !== undefined)
    .map((name) => ({ name, start: node.start }));
}

function children(node: Node, property: string): readonly Node[] {
  const value = node[property];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

export function nameOf(node: Node | undefined): string | undefined {
  const name = node?.["name"] ?? node?.["value"];
  return typeof name === "string" ? name : undefined;
}
