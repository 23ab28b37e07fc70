// Fills the git-ignored .proto-deps/ with the .proto files that ours import or that we serve:
// gRPC health and reflection are copied out of their packages; buf/validate/validate.proto comes
// in no package as text, so it is printed from the descriptor that @bufbuild/protovalidate holds.
// Runs before every buf command, offline: node tools/proto-deps.mjs [FOLDER]
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { getExtension, isFieldSet } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FieldDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  file_buf_validate_validate,
  predefined,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const COPIES = {
  "grpc/health/v1/health.proto": "grpc-health-check/proto/health/v1/health.proto",
  "grpc/reflection/v1/reflection.proto":
    "@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto",
  "grpc/reflection/v1alpha/reflection.proto":
    "@grpc/reflection/build/proto/grpc/reflection/v1alpha/reflection.proto",
};
// The scalar types and labels by their numbers in FieldDescriptorProto.
const SCALARS = [
  ...["", "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string"],
  ...["group", "message", "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32", "sint64"],
];
const LABELS = ["", "optional", "required", "repeated"];
const RANGE_END_MAX = 536_870_912;

/**
 * The text of a proto2 file whose only custom field option is buf.validate's own `predefined`.
 * Refuses what it cannot print, so that a newer protovalidate cannot lose anything in silence.
 */
function printValidateProto() {
  const proto = file_buf_validate_validate.proto;
  expect(proto.syntax === "" || proto.syntax === "proto2", "a proto2 file");
  expect(proto.service.length === 0, "no services");
  return [
    'syntax = "proto2";',
    `package ${proto.package};`,
    ...proto.dependency.map((path) => `import "${path}";`),
    ...Object.entries(proto.options ?? {})
      .filter(([, value]) => typeof value === "string" || typeof value === "boolean")
      .filter(([name]) => !name.startsWith("$"))
      .map(([name, value]) => `option ${snakeCase(name)} = ${JSON.stringify(value)};`),
    ...proto.extension.map((e) => `extend ${e.extendee} {\n${printField(e)}\n}`),
    ...proto.messageType.map(printMessage),
    ...proto.enumType.map(printEnum),
    "",
  ].join("\n");
}

function printMessage(message) {
  expect(message.nestedType.length === 0 && message.enumType.length === 0, "flat messages");
  expect(message.extension.length === 0, "no nested extensions");
  return [
    `message ${message.name} {`,
    ...message.field.flatMap((field, index) => printMember(message, field, index)),
    ...message.extensionRange.map((r) => `  extensions ${printRange(r.start, r.end - 1)};`),
    ...message.reservedRange.map((r) => `  reserved ${printRange(r.start, r.end - 1)};`),
    ...message.reservedName.map((name) => `  reserved ${JSON.stringify(name)};`),
    "}",
  ].join("\n");
}

/** A field, or the whole oneof in the place of its first member: the order of fields must stay. */
function printMember(message, field, index) {
  const oneof = oneofOf(message, field);
  if (oneof === undefined) return [printField(field)];
  if (index > 0 && oneofOf(message, message.field[index - 1]) === oneof) return [];
  const members = message.field.filter((f) => oneofOf(message, f) === oneof);
  return [`  oneof ${oneof.name} {`, ...members.map((f) => printField(f, "")), "  }"];
}

function oneofOf(message, field) {
  const inOneof = isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex);
  return inOneof ? message.oneofDecl[field.oneofIndex] : undefined;
}

function printEnum(declaration) {
  return [
    `enum ${declaration.name} {`,
    ...declaration.value.map((value) => `  ${value.name} = ${value.number};`),
    ...declaration.reservedRange.map((r) => `  reserved ${printRange(r.start, r.end)};`),
    ...declaration.reservedName.map((name) => `  reserved ${JSON.stringify(name)};`),
    "}",
  ].join("\n");
}

function printField(field, label = `${LABELS[field.label]} `) {
  const type = field.typeName || SCALARS[field.type];
  return `  ${label}${type} ${field.name} = ${field.number}${printFieldOptions(field)};`;
}

function printFieldOptions(field) {
  const options = field.options;
  if (options === undefined) return "";
  const unknown = (options.$unknown ?? []).map((u) => u.no);
  expect(
    unknown.every((no) => no === predefined.number),
    `only (predefined) on ${field.name}`,
  );
  const parts = [
    ...(options.deprecated ? ["deprecated = true"] : []),
    ...getExtension(options, predefined).cel.map(
      (rule) =>
        `(predefined).cel = ${printText(reflect(predefined.message.field.cel.message, rule))}`,
    ),
  ];
  return parts.length === 0 ? "" : ` [${parts.join(", ")}]`;
}

/** One message with string fields only, in the text format. */
function printText(message) {
  const fields = message.fields.filter((f) => message.isSet(f));
  return `{ ${fields.map((f) => `${f.name}: ${JSON.stringify(message.get(f))}`).join(" ")} }`;
}

function printRange(first, last) {
  if (last === RANGE_END_MAX - 1) return `${first} to max`;
  return first === last ? `${first}` : `${first} to ${last}`;
}

function snakeCase(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function expect(condition, what) {
  if (!condition) throw new Error(`proto-deps: validate.proto is printed for ${what} only`);
}

function write(target) {
  rmSync(target, { recursive: true, force: true });
  for (const [to, from] of Object.entries(COPIES)) {
    cpSync(join(ROOT, "node_modules", from), join(target, to));
  }
  mkdirSync(join(target, "buf/validate"), { recursive: true });
  writeFileSync(join(target, "buf/validate/validate.proto"), printValidateProto());
}

write(process.argv[2] ?? join(ROOT, ".proto-deps"));
