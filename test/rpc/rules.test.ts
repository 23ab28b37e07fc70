import { create, fromJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  GetAgentRequestSchema,
  RegisterAgentRequestSchema,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import { GetRunRequestSchema } from "../../gen/opscore/v1/workflow_pb.ts";
import { brokenRules } from "../../src/rpc/rules.ts";

test("all that is wrong with a small message is told", () => {
  const spec = { capabilities: [{ name: "?" }], slots: 5_000 };
  const message = fromJson(RegisterAgentRequestSchema, { spec, requestId: "x".repeat(200) });
  expect(brokenRules(RegisterAgentRequestSchema, message)).toHaveLength(3);
});

test("of a list that is far too long, that alone", () => {
  const capabilities = Array.from({ length: 300_000 }, () => ({}));
  const message = fromJson(RegisterAgentRequestSchema, { spec: { capabilities } });
  const rules = brokenRules(RegisterAgentRequestSchema, message).map(({ ruleId }) => ruleId);
  expect(rules).toEqual(["repeated.max_items"]);
});

test("patterns mean what the contract's engine means by them", () => {
  const runIds = [
    "a",
    "a\n",
    "\na",
    "é",
    "a b",
    "A.b:c_d-1",
    `a${"b".repeat(127)}`,
    `a${"b".repeat(128)}`,
  ];
  const wrong = runIds.filter(
    (runId) => brokenRules(GetRunRequestSchema, create(GetRunRequestSchema, { runId })).length > 0,
  );
  expect(wrong).toEqual(["a\n", "\na", "é", "a b", `a${"b".repeat(128)}`]);
  const agentIds = ["ä x", "\u{1f9d1}", "a\u0085", "a\n"];
  const refused = agentIds.filter(
    (agentId) =>
      brokenRules(GetAgentRequestSchema, create(GetAgentRequestSchema, { agentId })).length > 0,
  );
  expect(refused).toEqual(["a\u0085", "a\n"]);
});
