import { describe, expect, test } from "vitest";
import { merge } from "../../src/rpc/merge.ts";

async function* from<T>(...items: readonly T[]) {
  yield* items;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}

/** Waits for ever, as a quiet stream does, until it is left. */
async function* quiet(left: { value: boolean }): AsyncGenerator<never> {
  try {
    await new Promise(() => {});
  } finally {
    left.value = true;
  }
}

describe("merge", () => {
  test("gives the items of both, each source in its order, and says when one has ended", async () => {
    const seen = await all(merge(from(1, 2, 3), from("x", "y")));
    expect(seen.flatMap((one) => ("item" in one && one.from === "a" ? [one.item] : []))).toEqual([
      1, 2, 3,
    ]);
    expect(seen.flatMap((one) => ("item" in one && one.from === "b" ? [one.item] : []))).toEqual([
      "x",
      "y",
    ]);
    expect(seen.filter((one) => "done" in one)).toHaveLength(2);
  });

  test("does not wait for a quiet source", async () => {
    const left = { value: false };
    const merged = merge(from(1), quiet(left));
    expect((await merged.next()).value).toEqual({ from: "a", item: 1 });
    expect((await merged.next()).value).toEqual({ from: "a", done: true });
    await merged.return(undefined);
  });

  test("asks a source for its next item only when the one before was worked on", async () => {
    let asked = 0;
    async function* counting() {
      for (;;) yield ++asked;
    }
    const merged = merge(counting(), from());
    for (let i = 1; i <= 5; i++) {
      let next = await merged.next();
      if (next.value && "done" in next.value) next = await merged.next();
      expect(asked).toBe(i);
    }
    await merged.return(undefined);
  });

  test("fails with the error of either, and leaves the other", async () => {
    let left = false;
    async function* endless() {
      try {
        for (;;) yield 1;
      } finally {
        left = true;
      }
    }
    // biome-ignore lint/correctness/useYield: fails before it has anything to say
    async function* broken(): AsyncGenerator<never> {
      throw new Error("broken");
    }
    await expect(all(merge(endless(), broken()))).rejects.toThrow("broken");
    expect(left).toBe(true);
  });
});
