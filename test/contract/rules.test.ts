import { create, type DescField, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  type FieldRules,
  field as fieldRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { describe, expect, test } from "vitest";
import { requestMessages } from "./services.ts";

// Fields of requests that need no rule of their own, each with what stands in its place.
const WITHOUT_RULE: Readonly<Record<string, string>> = {
  "Payload.raw": "size checked in code, so that it is TOO_LARGE with the limit named",
  "TemplateSource.text": "size checked in code, so that it is TOO_LARGE with the limit named",
  "BlobRef.size_bytes": "any number",
  "GetAgentRequest.after_revision": "any revision, 0 means every one",
  "GetRunRequest.after_revision": "any revision, 0 means every one",
  "UpdateAgentRequest.expected_revision": "any revision, 0 means unchecked",
  "ControlRunsRequest.expected_revision": "rule of the message: needs exactly one id",
  "StateReport.epoch": "rule of the message: goes with session_id",
  "HeldTask.progress": "any number that grows",
  "TaskReport.report_seq": "any number, echoed",
  "LogOperationsRequest.first_producer_seq": "rule of the message: goes with producer_id",
  "LogEntry.message": "cut and flagged, not refused",
  "LogEntry.position": "dropped: set by the server",
  "LogEntry.producer_seq": "dropped: set by the server",
  "LogEntry.dropped": "dropped: set by the server",
};

const messages = requestMessages();
const fields = messages
  .flatMap((message) => message.fields)
  .filter(needsRule)
  .map((field) => [nameOf(field), field] as const);

describe("request fields", () => {
  test.each(fields.filter(([name]) => WITHOUT_RULE[name] === undefined))("%s", (_, field) => {
    expect(lacks(field)).toEqual([]);
  });

  test("without a rule are these, and each of them is still there", () => {
    const bare = fields.filter(([, field]) => lacks(field).length > 0).map(([name]) => name);
    expect(bare.sort()).toEqual(Object.keys(WITHOUT_RULE).sort());
  });
});

test.each(messages.map((message) => [message.name, message] as const))(
  "the rules of %s compile",
  (_, message) => {
    const { kind } = createValidator().validate(message, create(message));
    expect(kind).not.toBe("error");
  },
);

function needsRule(field: DescField): boolean {
  if (field.fieldKind === "scalar") return field.scalar !== ScalarType.BOOL;
  if (field.fieldKind !== "message") return true;
  return field.message.typeName === "google.protobuf.Duration";
}

/** What is missing from the rules of a field: nothing, when every wrong value is refused. */
function lacks(field: DescField): readonly string[] {
  const rules = getOption(field, fieldRules);
  if (!hasOption(field, fieldRules)) return ["a rule"];
  switch (field.fieldKind) {
    case "list":
      return [
        ...(bounds(rules, "repeated").includes("maxItems") ? [] : ["max_items"]),
        ...(field.listKind === "scalar" && !hasItemRule(rules) ? ["a rule for items"] : []),
      ];
    case "map":
      return ["maxPairs", "keys", "values"].filter((part) => !bounds(rules, "map").includes(part));
    case "message":
      return ["gte or gt", "lte"].filter((part) => !bounded(bounds(rules, "duration"), part));
    case "enum":
      return rules.cel.length > 0 || bounds(rules, "enum").includes("definedOnly")
        ? []
        : ["defined_only"];
    default:
      return rules.type.case === undefined && rules.cel.length === 0
        ? ["a rule for its value"]
        : [];
  }
}

function hasItemRule(rules: FieldRules): boolean {
  return rules.type.case === "repeated" && rules.type.value.items?.type.case !== undefined;
}

function bounded(names: readonly string[], part: string): boolean {
  return part.split(" or ").some((name) => names.includes(name));
}

/** The rules set for a kind, oneof members by their own name. */
function bounds(rules: FieldRules, kind: FieldRules["type"]["case"]): readonly string[] {
  if (rules.type.case !== kind || rules.type.value === undefined) return [];
  return Object.entries(rules.type.value)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (isOneof(value) ? value.case : name));
}

function isOneof(value: unknown): value is { readonly case: string } {
  return typeof value === "object" && value !== null && "case" in value && value.case !== undefined;
}

function nameOf(field: DescField): string {
  return `${field.parent.name}.${field.name}`;
}
