import { parentPort } from "node:worker_threads";
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
} from "yaml";

/** A place in the text; both from 1, the column in characters. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** A value of the text and where it begins. */
export type TextNode = TextPosition &
  (
    | {
        readonly type: "scalar";
        readonly value: string | number | boolean | null;
        /** The value stands word for word in one line, from this column. */
        readonly verbatimColumn?: number;
        /** It is a literal block: its lines follow the line it begins in. */
        readonly block?: true;
      }
    | { readonly type: "list"; readonly items: readonly TextNode[] }
    | { readonly type: "map"; readonly entries: readonly TextEntry[] }
  );

/** One entry of a map, with the place of its key. */
export interface TextEntry extends TextPosition {
  readonly key: string;
  readonly value: TextNode;
}

/** Something the text must not have. */
export interface TextProblem extends TextPosition {
  readonly code: string;
  readonly message: string;
  readonly pointer: string;
}

/** What became of a text. Without a root it could not be read at all. */
export interface ParsedText {
  readonly root?: TextNode;
  readonly problems: readonly TextProblem[];
}

type FindPlace = (offset: number) => TextPosition;
type Report = (code: string, message: string, pointer: string, place: TextPosition) => void;

const MAX_PROBLEMS = 100;
const MAX_LEVELS = 200;
const START: TextPosition = { line: 1, column: 1 };

parentPort?.on("message", (text: string) => parentPort?.postMessage(parseText(text)));
parentPort?.postMessage("ready");

/** Reads YAML 1.2 (core schema) or JSON. May take very long: that is why it runs in a worker. */
export function parseText(text: string): ParsedText {
  const problems: TextProblem[] = [];
  const report: Report = (code, message, pointer, { line, column }) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ code, message, pointer, line, column });
  };
  try {
    const root = readText(text, report);
    return { ...(root && { root }), problems };
  } catch (error) {
    // The library reads recursively.
    if (!(error instanceof RangeError)) throw error;
    report("LIMIT_EXCEEDED", "The text is nested too deeply.", "", START);
    return { problems };
  }
}

function readText(text: string, report: Report): TextNode | undefined {
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter,
    version: "1.2",
    schema: "core",
    uniqueKeys: false, // The library's own check is quadratic.
    prettyErrors: false,
  });
  const findPlace = placeFinder(text, lineCounter);
  const documents = "empty" in parsed ? [] : parsed;
  const errors = documents.flatMap((document) => document.errors);
  for (const { message, pos } of errors) report("SYNTAX", message, "", findPlace(pos[0]));
  if (errors.length > 0) return undefined;
  const [document, second] = documents;
  if (second !== undefined) {
    const message = "There is more than one document.";
    report("YAML_REFUSED", message, "", findPlace(second.contents?.range[0] ?? second.range[0]));
    return undefined;
  }
  if (document?.directives.yaml.explicit === true) {
    report("YAML_REFUSED", "Directives are not allowed.", "", START);
    return undefined;
  }
  const contents = document?.contents ?? undefined;
  if (contents === undefined) return { type: "scalar", value: null, ...START };
  return readNode(contents, [], { text, findPlace, report });
}

/** Line and column of an offset. Characters outside the basic plane count once. */
function placeFinder(text: string, lineCounter: LineCounter): FindPlace {
  const characters = new Uint32Array(text.length + 1);
  for (let offset = 0; offset < text.length; offset++) {
    const code = text.charCodeAt(offset);
    const isSecondHalf = code >= 0xdc00 && code <= 0xdfff;
    characters[offset + 1] = Number(characters[offset]) + (isSecondHalf ? 0 : 1);
  }
  return (offset) => {
    const { line, col } = lineCounter.linePos(offset);
    const lineStart = offset - col + 1;
    return { line, column: Number(characters[offset]) - Number(characters[lineStart]) + 1 };
  };
}

/** What reading one text takes. */
interface Reading {
  readonly text: string;
  readonly findPlace: FindPlace;
  readonly report: Report;
}

function readNode(node: ParsedNode, path: readonly string[], reading: Reading): TextNode {
  const place = reading.findPlace(node.range[0]);
  if (path.length > MAX_LEVELS) throw new RangeError("nested too deeply");
  const refuse = (what: string) =>
    reading.report("YAML_REFUSED", `${what} are not allowed.`, pointerOf(path), place);
  if (isAlias(node)) {
    refuse("Aliases");
    return { type: "scalar", value: null, ...place };
  }
  if (node.anchor !== undefined) refuse("Anchors");
  if (node.tag !== undefined) refuse("Tags");
  if (isSeq(node)) {
    const items = node.items.map((item, index) => readNode(item, [...path, `${index}`], reading));
    return { type: "list", items, ...place };
  }
  if (isMap(node)) return { type: "map", entries: readEntries(node, path, reading), ...place };
  return readScalar(node, path, place, reading);
}

function readEntries(
  map: YAMLMap.Parsed,
  path: readonly string[],
  reading: Reading,
): readonly TextEntry[] {
  const seen = new Set<string>();
  return map.items.flatMap(({ key: keyNode, value }) => {
    const place = reading.findPlace(keyNode.range[0]);
    const key = isScalar(keyNode) ? keyOf(keyNode) : "";
    const inside = isScalar(keyNode) ? [...path, key] : path;
    const [code, message] = keyProblem(keyNode, key, seen) ?? [];
    if (code !== undefined) {
      reading.report(code, `${message}`, pointerOf(inside), place);
      return [];
    }
    seen.add(key);
    const absent = { type: "scalar", value: null, ...place } as const;
    return [{ key, value: value === null ? absent : readNode(value, inside, reading), ...place }];
  });
}

/** Numbers and the like are keys as they are written. */
function keyOf(node: Scalar.Parsed): string {
  return typeof node.value === "string" ? node.value : (node.source ?? "");
}

function keyProblem(
  node: ParsedNode,
  key: string,
  seen: ReadonlySet<string>,
): readonly [code: string, message: string] | undefined {
  if (!isScalar(node)) return ["KEY_INVALID", "A key is a text."];
  if (node.anchor !== undefined || node.tag !== undefined) {
    return ["YAML_REFUSED", "Anchors and tags are not allowed."];
  }
  if (key === "<<" && node.type === "PLAIN") {
    return ["YAML_REFUSED", "Merge keys are not allowed."];
  }
  if (key === "__proto__" || !isStorable(key)) {
    return [
      "KEY_INVALID",
      "A key is not __proto__ and holds neither NUL nor half a surrogate pair.",
    ];
  }
  return seen.has(key) ? ["KEY_DUPLICATE", `The key ${key} is there already.`] : undefined;
}

function readScalar(
  node: Scalar.Parsed,
  path: readonly string[],
  place: TextPosition,
  { text, findPlace, report }: Reading,
): TextNode {
  const { value, type, range } = node;
  if (typeof value === "number" && !Number.isFinite(value)) {
    report("VALUE_OUT_OF_RANGE", "JSON has no such number.", pointerOf(path), place);
  }
  if (typeof value !== "string") {
    return { type: "scalar", value: value as number | boolean | null, ...place };
  }
  if (!isStorable(value)) {
    const message = "The text holds NUL or half of a surrogate pair.";
    report("TEXT_INVALID", message, pointerOf(path), place);
  }
  const quotes = type === "PLAIN" ? 0 : 1;
  const verbatim = text.slice(range[0] + quotes, range[1] - quotes) === value;
  return {
    type: "scalar",
    value,
    ...place,
    ...(verbatim && { verbatimColumn: findPlace(range[0] + quotes).column }),
    ...(type === "BLOCK_LITERAL" && { block: true }),
  };
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** A JSON Pointer from its tokens. */
function pointerOf(path: readonly string[]): string {
  return path.map((token) => `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
