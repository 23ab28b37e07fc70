import fc, { type IAsyncProperty, type IProperty } from "fast-check";
import { expect, test } from "vitest";
import KEPT from "./seeds.json" with { type: "json" };

const SECONDS = Number(process.env["OPSCORE_TEST_FUZZ_SECONDS"] ?? 0);

/**
 * One target: what once failed comes first, for ever; then so many runs with a
 * fixed seed, or as many as fit into OPSCORE_TEST_FUZZ_SECONDS with a new one. A failure
 * prints seed, path and the shrunk input: keep that input in seeds.json.
 */
export function fuzz<T>(
  name: keyof typeof KEPT,
  runs: number,
  property: (input: fc.Arbitrary<T>) => IAsyncProperty<[T]> | IProperty<[T]>,
  input: fc.Arbitrary<T>,
): void {
  test(`what once failed: ${name}`, async () => {
    const kept = KEPT[name] as unknown as readonly T[];
    expect(kept.length).toBeGreaterThanOrEqual(0);
    for (const one of kept) await fc.assert(property(fc.constant(one)) as never, { numRuns: 1 });
  });

  const limits =
    SECONDS > 0
      ? { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: SECONDS * 1_000 }
      : { numRuns: runs, seed: 20_261_125 };
  test(name, { timeout: SECONDS * 2_000 + 60_000 }, async () => {
    await fc.assert(property(input) as never, { ...limits, endOnFailure: SECONDS > 0 });
  });
}

/** Bytes that were right, cut, repeated and altered in a few places. */
export function mutated(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.nat(1 << 16),
    cut: fc.nat(6),
    put: fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.constantFrom(...SPITEFUL)),
  });
  return fc.tuple(valid, fc.array(edit, { minLength: 1, maxLength: 4 })).map(([bytes, edits]) =>
    edits.reduce((text: Uint8Array, { at, cut, put }) => {
      const from = text.length === 0 ? 0 : at % text.length;
      return Buffer.concat([text.subarray(0, from), put, text.subarray(from + cut)]);
    }, bytes),
  );
}

/** Pieces that decoders have stumbled over. */
const SPITEFUL = [
  ...[
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e400",
    "NaN",
    '"__proto__":',
    "\\u0000",
  ],
  ...[
    "\\ud800",
    "\u{1f9d1}",
    "\0",
    "\r\n",
    "${",
    "&a",
    "*a",
    "!!js/function",
    "<<:",
    "---\n",
    "%YAML 1.1\n",
  ],
]
  .map((text) => Buffer.from(text))
  .concat([0xff, 0xc3, 0x80, 0x00, 0x7f].map((byte) => Buffer.of(byte)));
