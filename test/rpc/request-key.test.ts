import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PayloadSchema } from "../../gen/opscore/v1/common_pb.ts";
import { StartRunRequestSchema, WorkflowService } from "../../gen/opscore/v1/workflow_pb.ts";
import { isRefused } from "../../src/core/errors.ts";
import { requestKeyOf } from "../../src/rpc/request-key.ts";

const { startRun } = WorkflowService.method;
const REQUEST = {
  requestId: "r1",
  templateId: "t",
  labels: { a: "1", b: "2" },
  input: { json: { x: [1] } },
};

const keyOf = (json: JsonObject, principal = "user:local") =>
  requestKeyOf(startRun, fromJson(StartRunRequestSchema, json), principal);
const hashOf = (json: JsonObject) => Buffer.from(keyOf(json)?.hash ?? []).toString("hex");

describe("the key of a request", () => {
  test("names principal, method and request_id", () => {
    expect(keyOf(REQUEST)).toMatchObject({ id: "r1", key: "user:local/StartRun/r1" });
    expect(keyOf(REQUEST, "agent:a")?.key).toBe("agent:a/StartRun/r1");
  });

  test("is absent without a request_id", () => {
    expect(keyOf({ ...REQUEST, requestId: "" })).toBeUndefined();
  });

  test("has the same hash for the same request, whatever the order of its maps, its id and its wait", () => {
    const same = { ...REQUEST, labels: { b: "2", a: "1" }, wait: "5s", requestId: "r2" };
    expect(hashOf(same)).toBe(hashOf(REQUEST));
  });

  test.each<JsonObject>([
    { templateId: "u" },
    { labels: { a: "1" } },
    { input: { json: { x: [2] } } },
    { priority: 3 },
  ])("has another hash with %o", (change) => {
    expect(hashOf({ ...REQUEST, ...change })).not.toBe(hashOf(REQUEST));
  });

  test("refuses what JSON cannot hold", () => {
    const json = { kind: { case: "numberValue" as const, value: Number.NaN } };
    const input = create(PayloadSchema, { data: { case: "json", value: json } });
    const message = create(StartRunRequestSchema, { requestId: "r", input });
    let refusal: unknown;
    try {
      requestKeyOf(startRun, message, "user:local");
    } catch (error) {
      refusal = error;
    }
    expect(isRefused(refusal, "malformed")).toBe(true);
  });
});
