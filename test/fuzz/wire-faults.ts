import {
  clone,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Path } from "./hostile.ts";

/** Bytes that do not belong where they are. */
export interface HostileBytes {
  readonly kind: string;
  readonly bytes: Uint8Array;
  /** No rule is needed to know that it is refused. */
  readonly never: boolean;
}

const NEVER = true;
const PERHAPS = false;

/** Hostile records for a field, from its descriptor alone. */
export function hostileRecords(field: DescField): readonly HostileBytes[] {
  const { number } = field;
  const record = (wire: WireType, ...bytes: readonly number[]) =>
    new BinaryWriter().tag(number, wire).raw(Uint8Array.from(bytes)).finish();
  return [
    of("a varint cut off", record(WireType.Varint, 0xff, 0xff), NEVER),
    of("an over-long varint", record(WireType.Varint, ...Array<number>(11).fill(0xff)), NEVER),
    of("a length past the end", record(WireType.LengthDelimited, 0xff, 0x7f, 0x01), NEVER),
    of(
      "a length of 2^63",
      record(WireType.LengthDelimited, ...Array<number>(9).fill(0xff), 0x7f),
      PERHAPS,
    ),
    of("fixed bytes cut off", record(WireType.Bit64, 1, 2), PERHAPS),
    of("a group that does not end", record(WireType.StartGroup, 0x08, 0x01), NEVER),
    of("the end of no group", record(WireType.EndGroup), NEVER),
    of("wire type 6", record(6 as WireType, 1), NEVER),
    of("field 0", Uint8Array.of(0, 1), NEVER),
    of("a number for everything", record(WireType.Varint, 1), PERHAPS),
    of("8 bytes for everything", record(WireType.Bit64, 1, 2, 3, 4, 5, 6, 0xf0, 0x7f), PERHAPS),
    of("a text for everything", record(WireType.LengthDelimited, 1, 97), PERHAPS),
    of("nothing for everything", record(WireType.LengthDelimited, 0), PERHAPS),
    of("-1 for everything", record(WireType.Varint, ...Array<number>(9).fill(0xff), 1), PERHAPS),
    of(
      "an unknown field",
      new BinaryWriter().tag(9_999, WireType.Varint).uint32(1).finish(),
      PERHAPS,
    ),
    ...ofField(field),
  ];
}

function of(kind: string, bytes: Uint8Array, never: boolean): HostileBytes {
  return { kind, bytes, never };
}

function ofField(field: DescField): readonly HostileBytes[] {
  const record = (bytes: Uint8Array) => delimited(field.number, bytes);
  if (field.fieldKind === "map") return ofMap(record);
  if (field.message !== undefined) return ofMessage(field.message.name, record);
  if (field.fieldKind === "enum" || field.scalar !== ScalarType.STRING) return [];
  return [
    of("no UTF-8", record(Uint8Array.of(97, 0xc3, 0x28)), NEVER),
    of("UTF-8 of a surrogate", record(Uint8Array.of(0xed, 0xa0, 0x80)), NEVER),
    of("an over-long NUL", record(Uint8Array.of(0xc0, 0x80)), NEVER),
    of("NUL", record(Uint8Array.of(97, 0, 98)), NEVER),
  ];
}

type Write = (bytes: Uint8Array) => Uint8Array;

function ofMap(record: Write): readonly HostileBytes[] {
  const entry = (key: string) =>
    new BinaryWriter().tag(1, 2).string(key).tag(2, 2).string("v").finish();
  return [
    of("an entry without key and value", record(new Uint8Array()), PERHAPS),
    of("the key __proto__", record(entry("__proto__")), PERHAPS),
    of("a key with NUL", record(entry("a\0b")), NEVER),
  ];
}

/** Times as ProtoJSON cannot write them: both are seconds and nanoseconds. */
function ofMessage(name: string, record: Write): readonly HostileBytes[] {
  const time = (seconds: bigint, nanos: number) =>
    record(new BinaryWriter().tag(1, 0).int64(seconds).tag(2, 0).int32(nanos).finish());
  const isTime = name === "Timestamp" || name === "Duration";
  if (isTime) {
    return [
      of("the last second there is", time(2n ** 63n - 1n, 0), NEVER),
      of("the first second there is", time(-(2n ** 63n), 0), NEVER),
      of("more nanoseconds than a second has", time(1n, 2_000_000_000), NEVER),
      of("nanoseconds of the other sign", time(1n, -1), NEVER),
      of("the very last nanosecond", time(253_402_300_799n, 999_999_999), PERHAPS),
    ];
  }
  if (name !== "Struct" && name !== "Value") return [];
  const value = (bytes: Uint8Array) =>
    name === "Value"
      ? record(bytes)
      : record(
          delimited(1, new BinaryWriter().tag(1, 2).string("k").raw(delimited(2, bytes)).finish()),
        );
  const number = (n: number) => value(new BinaryWriter().tag(2, 1).double(n).finish());
  return [
    of("a value that is none", value(new Uint8Array()), PERHAPS),
    of("NaN", number(Number.NaN), NEVER),
    of("infinity", number(Number.POSITIVE_INFINITY), NEVER),
    of("300 levels", value(nested(300)), NEVER),
    of("a text with NUL", value(new BinaryWriter().tag(3, 2).string("\0").finish()), NEVER),
  ];
}

/** Lists of Values in each other. */
function nested(levels: number): Uint8Array {
  let bytes: Uint8Array = new BinaryWriter().tag(4, 0).bool(true).finish();
  for (let level = 0; level < levels; level++) bytes = delimited(6, delimited(1, bytes));
  return bytes;
}

function delimited(number: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish();
}

/**
 * A message with a record at a path: what is written last is merged into what was
 * before. Of a list of messages only the first is kept, and takes the record.
 */
export function withRecord(
  schema: DescMessage,
  message: Message,
  [field, ...rest]: Path,
  record: Uint8Array,
): Uint8Array {
  if (field === undefined) return Buffer.concat([toBinary(schema, message), record]);
  const isList = field.fieldKind === "list" && field.message !== undefined;
  if (!isList) {
    const inner = rest.length === 0 ? record : delimited(field.number, nest(rest, record));
    return Buffer.concat([toBinary(schema, message), inner]);
  }
  const others = clone(schema, message) as unknown as Record<string, Message[]>;
  const items = others[field.localName] ?? [];
  others[field.localName] = [];
  const bytes = toBinary(schema, others as unknown as Message);
  const [first] = items;
  if (rest.length === 0 || first === undefined) return Buffer.concat([bytes, record]);
  return Buffer.concat([
    bytes,
    delimited(field.number, withRecord(field.message, first, rest, record)),
  ]);
}

function nest(path: Path, record: Uint8Array): Uint8Array {
  return path
    .slice(0, -1)
    .reduceRight((bytes: Uint8Array, { number }) => delimited(number, bytes), record);
}
