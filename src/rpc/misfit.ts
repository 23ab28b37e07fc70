import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";

/** A place in a request that is no place of its message, and what belongs there. */
export interface Misfit {
  readonly pointer: string;
  readonly message: string;
}

/** As deep as messages may be nested. */
const LEVELS_MAX = 100;
/** Beyond this a request is too large to be worth the search. */
const VALUES_MAX = 5_000;

/**
 * Where JSON does not fit a message: the decoder names the type, and callers need
 * the field. `undefined` when nothing is found.
 */
export function misfitOf(schema: DescMessage, json: JsonValue): Misfit | undefined {
  return inMessage({ values: VALUES_MAX }, schema, json, "");
}

interface Budget {
  values: number;
}

function inMessage(
  budget: Budget,
  schema: DescMessage,
  json: JsonValue,
  pointer: string,
): Misfit | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return { pointer, message: `must be an object of ${schema.name}` };
  }
  for (const [name, value] of Object.entries(json)) {
    if (budget.values-- <= 0) return undefined;
    const at = `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const field = schema.fields.find((one) => one.jsonName === name || one.name === name);
    if (field === undefined) return { pointer: at, message: `is no field of ${schema.name}` };
    const found = inField(budget, schema, field, value, at);
    if (found !== undefined) return found;
  }
  const oneof = schema.oneofs.find(({ fields }) => fields.filter(isIn(json)).length > 1);
  return oneof && { pointer, message: `has more than one of ${oneof.name}` };
}

function isIn(json: JsonObject) {
  return ({ jsonName, name }: DescField) => (json[jsonName] ?? json[name] ?? null) !== null;
}

function inField(
  budget: Budget,
  schema: DescMessage,
  field: DescField,
  value: JsonValue,
  at: string,
): Misfit | undefined {
  if (value === null) return undefined;
  const inner = field.fieldKind === "map" ? undefined : ownMessage(field);
  if (inner === undefined) return fits(schema, field, value) ? undefined : wrong(field, at);
  if (at.split("/").length > LEVELS_MAX) return { pointer: at, message: "is nested too deeply" };
  if (field.fieldKind !== "list") return inMessage(budget, inner, value, at);
  if (!Array.isArray(value)) return wrong(field, at);
  for (const [i, item] of value.entries()) {
    const found = inMessage(budget, inner, item, `${at}/${i}`);
    if (found !== undefined || budget.values <= 0) return found;
  }
  return undefined;
}

function ownMessage({ message }: DescField): DescMessage | undefined {
  return message?.typeName.startsWith("google.protobuf.") ? undefined : message;
}

/** Asks the decoder about one field alone. */
function fits(schema: DescMessage, { jsonName }: DescField, value: JsonValue): boolean {
  try {
    fromJson(schema, { [jsonName]: value }, { ignoreUnknownFields: false });
    return true;
  } catch {
    return false;
  }
}

function wrong(field: DescField, pointer: string): Misfit {
  return { pointer, message: `must be ${expected(field)}` };
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  Duration: 'a duration such as "1.5s"',
  Timestamp: 'a time such as "2026-01-31T12:00:00Z", from the year 1 to 9999',
  FieldMask: 'a list of fields such as "displayName,labels"',
  Struct: `an object of at most ${LEVELS_MAX} levels, in well-formed text`,
  Value: `a JSON value of at most ${LEVELS_MAX} levels, in well-formed text`,
};

const SCALARS: Readonly<Partial<Record<ScalarType, string>>> = {
  [ScalarType.STRING]: "a well-formed text",
  [ScalarType.BYTES]: "bytes in base64",
  [ScalarType.BOOL]: "true or false",
  [ScalarType.DOUBLE]: "a number",
  [ScalarType.UINT32]: "a whole number from 0 to 4294967295",
  [ScalarType.UINT64]: "a whole number from 0 to 18446744073709551615, as a text",
};

function expected(field: DescField): string {
  if (field.fieldKind === "list") return "a list, each of its items of the right type";
  if (field.fieldKind === "map") return "an object, each of its values of the right type";
  if (field.fieldKind === "enum")
    return `one of ${field.enum.values.map(({ name }) => name).join(", ")}`;
  if (field.fieldKind === "message") return WELL_KNOWN[field.message.name] ?? field.message.name;
  return SCALARS[field.scalar] ?? "a value of the right type";
}
