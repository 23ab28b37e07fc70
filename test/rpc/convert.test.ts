import { create, fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FailureSchema, type Payload, PayloadSchema } from "../../gen/opscore/v1/common_pb.ts";
import { isRefused } from "../../src/core/errors.ts";
import type { Json } from "../../src/core/json.ts";
import { limitsWith } from "../../src/core/limits.ts";
import type { Failure } from "../../src/core/template-types.ts";
import { fromFailure, fromPayload, toFailure, toPayload } from "../../src/rpc/convert.ts";

const limits = limitsWith();
/** As it comes over the wire: JSON has no negative zero. */
const anyJson = fc
  .jsonValue({ maxDepth: 4 })
  .map((json) => JSON.parse(JSON.stringify(json)) as JsonValue);

const payloadOf = (json: JsonValue) =>
  create(PayloadSchema, { data: { case: "json", value: fromJson(ValueSchema, json) } });
/** What the core keeps of a payload, as it comes back from a store. */
const kept = (payload: Payload) => {
  const json = fromPayload(payload, "/input", limits);
  return json === undefined ? undefined : (JSON.parse(JSON.stringify(json)) as Json);
};
const refusalOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("a payload", () => {
  test("of JSON is plain JSON in the core, and comes back as it was", () => {
    fc.assert(
      fc.property(anyJson, (json) => {
        const payload = payloadOf(json);
        expect(kept(payload)).toEqual(json);
        expect(toJson(PayloadSchema, toPayload(kept(payload)) ?? create(PayloadSchema))).toEqual(
          toJson(PayloadSchema, payload),
        );
      }),
    );
  });

  test.each<[string, JsonValue]>([
    ["bytes", { raw: "AAEC/w==", mediaType: "image/png" }],
    ["no bytes", { raw: "" }],
    ["a reference", { blob: { uri: "s3://b/k", sha256: "0".repeat(64), sizeBytes: "12" } }],
    ["JSON that looks like our mark", { json: { $payload: { raw: "AA==" } } }],
    ["JSON null", { json: null }],
  ])("of %s comes back as it was", (_, json) => {
    const payload = fromJson(PayloadSchema, json);
    const back = toPayload(kept(payload));
    expect(back && toJson(PayloadSchema, back)).toEqual(toJson(PayloadSchema, payload));
  });

  test("that is absent or empty is nothing", () => {
    expect(fromPayload(undefined, "/input", limits)).toBeUndefined();
    expect(fromPayload(create(PayloadSchema), "/input", limits)).toBeUndefined();
    expect(toPayload(undefined)).toBeUndefined();
  });

  test("is refused one byte above its limit", () => {
    const small = limitsWith({ payload_bytes: 10 });
    expect(fromPayload(payloadOf("12345678"), "/input", small)).toBe("12345678");
    const refusal = refusalOf(() => fromPayload(payloadOf("123456é8"), "/input", small));
    expect(isRefused(refusal, "too_large") && refusal.refusal).toEqual({
      code: "too_large",
      name: "payload_bytes",
      value: 10,
      actual: 11,
      pointer: "/input",
    });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("that holds %s is no JSON", (value) => {
    const number = create(ValueSchema, { kind: { case: "numberValue", value } });
    const payload = create(PayloadSchema, { data: { case: "json", value: number } });
    const refusal = refusalOf(() => fromPayload(payload, "/input", limits));
    expect(isRefused(refusal, "invalid_field")).toBe(true);
  });
});

describe("a failure", () => {
  const anyFailure: fc.Arbitrary<Failure> = fc.letrec<{ failure: Failure }>((tie) => ({
    failure: fc.record(
      {
        reason: fc.stringMatching(/^[A-Z][A-Z0-9_]{0,20}$/),
        message: fc.string(),
        permanent: fc.constant(true),
        retryAfterMs: fc.nat(86_400_000),
        details: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string()),
        cause: fc.option(tie("failure"), { nil: undefined, depthSize: "small" }),
      },
      { requiredKeys: ["reason", "message"] },
    ) as fc.Arbitrary<Failure>,
  })).failure;

  test("goes out and comes back as it was", () => {
    fc.assert(
      fc.property(anyFailure, (failure) => {
        const bytes = toBinary(FailureSchema, create(FailureSchema, toFailure(failure)));
        const back = fromFailure(fromBinary(FailureSchema, bytes), "/failure", limits);
        expect(back).toEqual(JSON.parse(JSON.stringify(failure)));
      }),
    );
  });

  test("shows the engine's pointer, and drops what an agent says there", () => {
    const failure = { reason: "X", message: "", pointer: "/main/steps/0" };
    const message = create(FailureSchema, toFailure(failure));
    expect(message.pointer).toBe("/main/steps/0");
    expect(fromFailure(message, "/failure", limits)).toEqual({ reason: "X", message: "" });
  });

  test("with too many details is refused, with the place", () => {
    const details = { text: "x".repeat(limits.details_bytes) };
    const message = create(FailureSchema, { reason: "A", cause: { reason: "B", details } });
    const refusal = refusalOf(() => fromFailure(message, "/failure", limits));
    expect(isRefused(refusal, "too_large") && refusal.refusal.pointer).toBe(
      "/failure/cause/details",
    );
  });
});
