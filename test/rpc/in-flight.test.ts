import { expect, test } from "vitest";
import { Refused } from "../../src/core/errors.ts";
import { createInFlight } from "../../src/rpc/in-flight.ts";

const open = () =>
  createInFlight(
    {
      unary: 3,
      unaryPerPrincipal: 2,
      streams: 3,
      streamsPerPrincipal: 2,
      heldBytes: 100,
      stallMs: 1_000,
    },
    AbortSignal.abort(),
  );

test.each([
  ["unary", "rate_limited", "unary_calls_per_principal"],
  ["stream", "limit_reached", "streams_per_principal"],
] as const)("%s: so many for one principal, so many in all, and room again", (kind, code, name) => {
  const take = open()[kind];
  const first = take("a");
  take("a");
  expect(refusalOf(() => take("a"))).toMatchObject({ code, name, value: 2, actual: 3 });
  take("b");
  expect(refusalOf(() => take("b"))).toMatchObject({ code: "overloaded" });
  first[Symbol.dispose]();
  take("b");
  expect(refusalOf(() => take("a"))).toMatchObject({ code: "overloaded" });
});

test("bytes: at the limit and one more, and room again", () => {
  const inFlight = open();
  const one = inFlight.held();
  one.add(60);
  one.add(40);
  const other = inFlight.held();
  expect(refusalOf(() => other.add(1))).toMatchObject({ code: "overloaded" });
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  other.add(100);
  expect(refusalOf(() => one.add(1))).toMatchObject({ code: "overloaded" });
});

function refusalOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error instanceof Refused ? error.refusal : error;
  }
}
