import {
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { Code, type ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../../gen/opscore/v1/errors_pb.ts";
import type { Answer } from "./wire.ts";

/** What the contract alone says about a request. */
export type Judgement =
  /** The bytes are no message. */
  | { readonly type: "malformed" }
  /** Rules are broken: where, as JSON Pointers; "" is the message as a whole. */
  | { readonly type: "invalid"; readonly pointers: readonly string[] }
  /** It is a message that keeps the rules; the rest depends on what is there. */
  | { readonly type: "wellFormed" };

const validator = createValidator();

export function judgeJson(schema: DescMessage, text: string): Judgement {
  try {
    return judge(
      schema,
      fromJson(schema, JSON.parse(text) as JsonValue, { ignoreUnknownFields: false }),
    );
  } catch {
    return { type: "malformed" };
  }
}

export function judgeBinary(schema: DescMessage, bytes: Uint8Array): Judgement {
  try {
    return judge(schema, fromBinary(schema, bytes));
  } catch {
    return { type: "malformed" };
  }
}

function judge<D extends DescMessage>(schema: D, message: MessageShape<D>): Judgement {
  const pointers = [...broken(schema, message, ""), ...brokenItems(schema, message)];
  return pointers.length === 0 ? { type: "wellFormed" } : { type: "invalid", pointers };
}

function broken(schema: DescMessage, message: Message, before: string): readonly string[] {
  const { violations = [] } = validator.validate(schema, message);
  return violations.map(({ field }) => before + field.map(tokenOf).join(""));
}

/** The rules of a batch leave its items out: each is refused alone. */
function brokenItems(schema: DescMessage, message: Message): readonly string[] {
  return schema.fields.flatMap((field) => {
    if (field.fieldKind !== "list" || field.listKind !== "message") return [];
    const items = (message as unknown as Record<string, readonly Message[]>)[field.localName] ?? [];
    return items.flatMap((item, i) => broken(field.message, item, `/${field.jsonName}/${i}`));
  });
}

function tokenOf(step: Violation["field"][number]): string {
  switch (step.kind) {
    case "field":
      return `/${step.jsonName}`;
    case "list_sub":
      return `/${step.index}`;
    case "map_sub":
      return `/${String(step.key)}`;
    default:
      return "localName" in step ? `/${step.localName}` : "";
  }
}

const NEVER_RIGHT: readonly Code[] = [
  Code.Unknown,
  Code.Internal,
  Code.DataLoss,
  Code.Unimplemented,
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Canceled,
];

/** What is wrong with an answer, whatever was asked; nothing if all is well. */
export function faults({ error }: Answer): readonly string[] {
  if (error === undefined) return [];
  const details = error.findDetails(ErrorDetailSchema);
  return [
    ...(NEVER_RIGHT.includes(error.code) ? [`code ${Code[error.code]}: ${error.rawMessage}`] : []),
    ...(details.length === 1
      ? []
      : [`${details.length} details: ${Code[error.code]} ${error.rawMessage}`]),
  ];
}

export function detailOf(error: ConnectError) {
  const [detail] = error.findDetails(ErrorDetailSchema);
  return (
    detail &&
    (toJson(ErrorDetailSchema, detail) as {
      reason?: string;
      pointer?: string;
      diagnostics?: unknown[];
    })
  );
}
