import {
  type DescField,
  type DescMessage,
  getOption,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { field as fieldRules } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** A hostile value for one field: what is wrong with it, and how it is written in JSON. */
export interface HostileJson {
  readonly kind: string;
  /** JSON text; not all of it is a value that JavaScript has. */
  readonly text: string;
  /** No rule is needed to know that it is refused. */
  readonly never: boolean;
}

/** A field of a request, by the fields that lead to it. */
export type Path = readonly DescField[];

/** Every field of a message and of the messages in it; recursion ends where it begins. */
export function* pathsOf(message: DescMessage, before: Path = []): Generator<Path> {
  for (const field of message.fields) {
    const path = [...before, field];
    yield path;
    const inner = field.message;
    const isAgain = before.some(({ parent }) => parent === inner) || message === inner;
    if (inner && !isAgain && !isWellKnown(inner) && field.fieldKind !== "map")
      yield* pathsOf(inner, path);
  }
}

export function isWellKnown({ typeName }: DescMessage): boolean {
  return typeName.startsWith("google.protobuf.");
}

/** A copy of a sample with a value at a path; what leads there is made where it is missing. */
export function placed(sample: JsonObject, path: Path, value: JsonValue): JsonObject {
  const copy = structuredClone(sample);
  let node = copy;
  for (const [i, field] of path.entries()) {
    const name = field.jsonName;
    const siblings = field.oneof?.fields.filter((other) => other !== field) ?? [];
    for (const { jsonName } of siblings) delete node[jsonName];
    if (i === path.length - 1) node[name] = value;
    else node = field.fieldKind === "list" ? itemOf(node, name) : objectOf(node, name);
  }
  return copy;
}

function itemOf(node: JsonObject, name: string): JsonObject {
  node[name] ??= [{}];
  const [first = {}] = node[name] as JsonObject[];
  return first;
}

function objectOf(node: JsonObject, name: string): JsonObject {
  node[name] ??= {};
  return node[name] as JsonObject;
}

/** Whether a sample has everything that leads to a path. */
export function leadsTo(sample: JsonObject, path: Path): boolean {
  let node: JsonValue | undefined = sample;
  for (const { jsonName, fieldKind } of path.slice(0, -1)) {
    node = (node as JsonObject)[jsonName];
    if (fieldKind === "list") node = (node as JsonValue[] | undefined)?.[0];
    if (node === undefined) return false;
  }
  return true;
}

/** Whether there is time for everything. */
export const IS_THOROUGH = process.env["OPSCORE_TEST_FUZZ_SECONDS"] !== undefined;

const LONG = "x".repeat(IS_THOROUGH ? 1 << 20 : 1 << 16);
const NESTED = 200;
const MANY = 10_000;

const STRANGE_TEXTS: Readonly<Record<string, string>> = {
  empty: "",
  space: " ",
  control: "a\u0001b",
  CRLF: "a\r\nset-cookie: x",
  "C1 control": "a\u0085b",
  "path upwards": "../../../etc/passwd",
  __proto__: "__proto__",
  constructor: "constructor",
  hasOwnProperty: "hasOwnProperty",
  "LIKE metacharacters": "%_\\%",
  SQL: "' OR 1=1; DROP TABLE entities; --",
  FTS: '"* NEAR(a b) AND NOT ^x:y',
  "format string": "%s%n${7*7}{{7*7}}",
  "direction override": "\u202eabc\ufeff",
  emoji: "\u{1f9d1}\u200d\u{1f680}".repeat(40),
  "private use": "\uffff\u{10ffff}",
  "very long": LONG,
};

const WRONG: Readonly<Record<string, readonly string[]>> = {
  text: ["1", "true", "{}", "[]", '["a"]'],
  number: ['"x"', '""', "true", "{}", "[1]", "1.5", "-1", "1e400", '"NaN"', "18446744073709551616"],
  float: ['"x"', "true", "{}", "[1]", "1e400"],
  bool: ['"true"', "1", "0", "{}", "[]", '""'],
  enum: ['"NOPE"', '""', "1.5", "true", "{}", "[]", "2147483648", '"__proto__"', '"constructor"'],
  bytes: ["5", "true", "{}", "[]", '"*"', '"a"'],
  message: ["1", '"x"', "true", "[]"],
  list: ["1", '"x"', "true", "{}", "[null]"],
  map: ["1", '"x"', "true", "[]"],
  Duration: [
    "1",
    "true",
    "{}",
    '"1"',
    '"s"',
    '"NaNs"',
    '"1.0000000001s"',
    '"315576000001s"',
    '"1 s"',
    '"1h"',
  ],
  Timestamp: [
    "1",
    "true",
    "{}",
    '"yesterday"',
    '"2026-13-01T00:00:00Z"',
    '"10000-01-01T00:00:00Z"',
    '"0000-01-01T00:00:00Z"',
    '"2026-01-01"',
  ],
  FieldMask: ["1", "true", "{}", '"foo_bar"'],
  Struct: ["1", '"x"', "true", "[]"],
  Value: [],
};

const NEVER = true;
const PERHAPS = false;

function of(kind: string, text: string, never: boolean): HostileJson {
  return { kind, text, never };
}

/** Values at the limits that the rules of a field name, and just past them. */
function atLimits(field: DescField): readonly HostileJson[] {
  const { type } = getOption(field, fieldRules);
  const around = (limit: bigint | number, make: (size: number) => JsonValue) =>
    [0, 1].map((more) => {
      const text = JSON.stringify(make(Number(limit) + more));
      return of(more === 0 ? "at its limit" : "past its limit", text, PERHAPS);
    });
  switch (type.case) {
    case "string":
      return type.value.maxBytes === undefined || type.value.maxBytes > 4096n
        ? []
        : around(type.value.maxBytes, (size) => "a".repeat(size));
    case "uint32":
      return type.value.lessThan.case === "lte" ? around(type.value.lessThan.value, (n) => n) : [];
    case "repeated":
      return around(type.value.maxItems, (size) =>
        Array.from({ length: size }, () => (field.message === undefined ? "a" : {})),
      );
    case "map":
      return around(type.value.maxPairs, (size) =>
        Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, "v"])),
      );
    default:
      return [];
  }
}

/** Hostile values for a field, from its descriptor alone. */
export function hostileValues(field: DescField): readonly HostileJson[] {
  const wrong = WRONG[shapeOf(field)]?.map((text) => of(`wrong type ${text}`, text, NEVER)) ?? [];
  const own = ownValues(field);
  return [of("null", "null", PERHAPS), ...wrong, ...own, ...atLimits(field)];
}

function ownValues(field: DescField): readonly HostileJson[] {
  switch (field.fieldKind) {
    case "scalar":
      return ofScalar(field.scalar);
    case "enum":
      return [
        of("0", "0", PERHAPS),
        of("unknown number", "99999", PERHAPS),
        of("negative", "-1", PERHAPS),
      ];
    case "list":
      return ofList(field);
    case "map":
      return ofMap();
    default:
      return ofMessage(field.message);
  }
}

function ofScalar(scalar: ScalarType): readonly HostileJson[] {
  if (scalar === ScalarType.STRING) return texts();
  if (scalar === ScalarType.BYTES)
    return [of("300 KiB", JSON.stringify("A".repeat(400_000)), PERHAPS)];
  if (scalar === ScalarType.BOOL) return [];
  const odd = [
    "-0",
    "4294967295",
    "4294967296",
    '"0x1"',
    '"1 "',
    "2147483648",
    '"4294967295"',
    "1e3",
    "1.0",
    '"Infinity"',
    '"-Infinity"',
    "1e308",
    "-1e308",
    "9007199254740993",
    '"18446744073709551615"',
  ];
  return odd.map((text) => of(text, text, PERHAPS));
}

function texts(): readonly HostileJson[] {
  return [
    of("NUL", '"a\\u0000b"', NEVER),
    of("lone surrogate", '"a\\ud800b"', NEVER),
    of("lone low surrogate", '"\\udc00"', NEVER),
    ...Object.entries(STRANGE_TEXTS).map(([kind, text]) => of(kind, JSON.stringify(text), PERHAPS)),
  ];
}

function ofList({ message, listKind }: DescField & { fieldKind: "list" }): readonly HostileJson[] {
  const item = listKind === "message" && !isWellKnown(message as DescMessage) ? "{}" : '"x"';
  const count = (many: number) => `[${Array.from({ length: many }, () => item).join()}]`;
  return [
    of("no items", "[]", PERHAPS),
    of("items of a wrong type", "[[1]]", NEVER),
    of("10,000 items", count(MANY), PERHAPS),
    ...(listKind === "scalar"
      ? texts().map(({ kind, text, never }) => of(kind, `[${text}]`, never))
      : []),
  ];
}

function ofMap(): readonly HostileJson[] {
  return [
    of("NUL in a key", '{"a\\u0000b":"v"}', NEVER),
    of("NUL in a value", '{"k":"a\\u0000b"}', NEVER),
    of("lone surrogate in a key", '{"\\ud800":"v"}', NEVER),
    of("empty key", '{"":"v"}', PERHAPS),
    of("__proto__ as key", '{"__proto__":"v"}', PERHAPS),
    of("constructor as key", '{"constructor":"v","toString":"v"}', PERHAPS),
    of("a key twice", '{"k":"1","k":"2"}', PERHAPS),
    of("10,000 keys", manyKeys(), PERHAPS),
    of("very long key", `{"${LONG}":"v"}`, PERHAPS),
  ];
}

function manyKeys(): string {
  return JSON.stringify(Object.fromEntries(Array.from({ length: MANY }, (_, i) => [`k${i}`, "v"])));
}

function ofMessage({ typeName }: DescMessage): readonly HostileJson[] {
  switch (typeName) {
    case "google.protobuf.Duration":
      return [
        "-1s",
        "-0.000000001s",
        "0s",
        "315576000000s",
        "-315576000000s",
        "86400.000000001s",
      ].map(quoted);
    case "google.protobuf.Timestamp":
      return ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59Z"].map(
        quoted,
      );
    case "google.protobuf.FieldMask":
      return [
        "",
        "..",
        "a,,b",
        "__proto__",
        "constructor",
        "displayName,displayName",
        "displayName.x",
        "*",
      ].map(quoted);
    case "google.protobuf.Struct":
      return documents();
    case "google.protobuf.Value":
      return [
        ...documents(),
        of("text", '"x"', PERHAPS),
        of("300 KiB", JSON.stringify("x".repeat(300_000)), PERHAPS),
        of("NUL", '"a\\u0000b"', NEVER),
      ];
    default:
      return [
        of("nothing set", "{}", PERHAPS),
        of("unknown field", '{"noSuchField":1}', NEVER),
        of("__proto__ as field", '{"__proto__":{"x":1}}', NEVER),
      ];
  }
}

function quoted(text: string): HostileJson {
  return of(text === "" ? "empty" : text, JSON.stringify(text), PERHAPS);
}

function documents(): readonly HostileJson[] {
  return [
    of(`${NESTED} levels`, `${'{"a":'.repeat(NESTED)}1${"}".repeat(NESTED)}`, NEVER),
    of("NUL in a key", '{"a\\u0000b":1}', NEVER),
    of("NUL in a value", '{"a":{"b":["a\\u0000b"]}}', NEVER),
    of("lone surrogate", '{"a":"\\udfff"}', NEVER),
    of("infinity", '{"a":1e400}', NEVER),
    of("__proto__ as key", '{"__proto__":{"polluted":1},"a":1}', PERHAPS),
    of("constructor as key", '{"constructor":{"prototype":{"polluted":1}}}', PERHAPS),
    of("a payload's mark", '{"$payload":{"raw":"!"}}', PERHAPS),
    of("10,000 keys", manyKeys(), PERHAPS),
    of("big numbers", '{"a":9007199254740993,"b":-0,"c":5e-324}', PERHAPS),
    of("300 KiB", `{"a":"${"x".repeat(300_000)}"}`, PERHAPS),
  ];
}

function shapeOf(field: DescField): string {
  switch (field.fieldKind) {
    case "list":
    case "map":
    case "enum":
      return field.fieldKind;
    case "message":
      return isWellKnown(field.message) ? field.message.name : "message";
    default:
      return shapeOfScalar(field.scalar);
  }
}

function shapeOfScalar(scalar: ScalarType): string {
  switch (scalar) {
    case ScalarType.STRING:
      return "text";
    case ScalarType.BYTES:
      return "bytes";
    case ScalarType.BOOL:
      return "bool";
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return "float";
    default:
      return "number";
  }
}
