import { parentPort } from "node:worker_threads";
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type ParsedNode,
  Parser,
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
const MAX_CHARACTERS = 500;
const MAX_LEVELS = 200;
const MAX_LEXEMES = 100_000;
const START: TextPosition = { line: 1, column: 1 };

parentPort?.on("message", (text: string) => parentPort?.postMessage(parseText(text)));
parentPort?.postMessage("ready");

/** Reads YAML 1.2 (core schema) or JSON. May take very long: that is why it runs in a worker. */
function parseText(text: string): ParsedText {
  const problems: TextProblem[] = [];
  const report: Report = (code, message, pointer, { line, column }) => {
    if (problems.length >= MAX_PROBLEMS) return;
    const said = message.slice(0, MAX_CHARACTERS).toWellFormed();
    problems.push({ code, message: said, pointer, line, column });
  };
  try {
    const root = readText(text, report);
    return { ...(root && { root }), problems };
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    report("LIMIT_EXCEEDED", error.message, "", START);
    return { problems };
  }
}

function readText(text: string, report: Report): TextNode | undefined {
  const lineCounter = new LineCounter();
  const options = { version: "1.2", schema: "core" } as const;
  // The library's own search for duplicate keys is quadratic.
  const composer = new Composer({ ...options, uniqueKeys: false });
  const documents: Document.Parsed[] = [];
  for (const document of composer.compose(tokensOf(text, lineCounter))) {
    if (documents.push(document) > 1) break;
  }
  const [document, second] = documents;
  const findPlace = placeFinder(text, lineCounter);
  const errors = document?.errors ?? [];
  for (const { message, pos } of errors) report("SYNTAX", message, "", findPlace(pos[0]));
  if (errors.length > 0) return undefined;
  if (second !== undefined) {
    report("YAML_REFUSED", "There is more than one document.", "", findPlace(second.range[0]));
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

/**
 * The syntax of the text, without recursion. Levels and number of its tokens
 * are bounded here: what follows is recursive, and needs much memory per token.
 */
function* tokensOf(text: string, lineCounter: LineCounter): Generator<CST.Token, void> {
  const parser = new Parser(lineCounter.addNewLine);
  let lexemes = 0;
  lineCounter.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > MAX_LEVELS) throw new TooMuch("nested levels");
    if (++lexemes > MAX_LEXEMES) throw new TooMuch("values");
  }
  yield* parser.end();
}

/** Ends the reading of a text that is too much for everybody. */
class TooMuch extends Error {
  constructor(of: string) {
    super(`The text has too many ${of}.`);
  }
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
    const inside = [...path, key];
    const [code, message] = keyProblem(keyNode, key, seen) ?? [];
    if (code !== undefined) {
      const at = code === "KEY_INVALID" ? path : inside;
      reading.report(code, `${message}`, pointerOf(at), place);
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
  if (!isKey(key)) {
    const message = "A key has at most 128 characters, no control ones, and is not __proto__.";
    return ["KEY_INVALID", message];
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
    return { type: "scalar", value: null, ...place };
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

function isKey(key: string): boolean {
  return isStorable(key) && key.length <= 128 && !/\p{Cc}/u.test(key) && key !== "__proto__";
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** A JSON Pointer from its tokens. */
function pointerOf(path: readonly string[]): string {
  return path.map((token) => `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
