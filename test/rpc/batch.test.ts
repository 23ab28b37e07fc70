import { describe, expect, test } from "vitest";
import { Refused } from "../../src/core/errors.ts";
import { eachItem } from "../../src/rpc/batch.ts";

const refused = ({ refusal }: Refused) => refusal.code;

describe("eachItem", () => {
  test("works on items of one key in order, on others side by side, and answers in order", async () => {
    const started: string[] = [];
    const release = new Map<string, () => void>();
    const results = eachItem(
      ["a1", "b1", "a2"],
      ([key = ""]) => key,
      (item) => {
        started.push(item);
        return new Promise<string>((resolve) => release.set(item, () => resolve(item)));
      },
      refused,
    );
    await Promise.resolve();
    await Promise.resolve();
    expect(started).toEqual(["a1", "b1"]);
    release.get("b1")?.();
    release.get("a1")?.();
    await expect.poll(() => started).toEqual(["a1", "b1", "a2"]);
    release.get("a2")?.();
    expect(await results).toEqual(["a1", "b1", "a2"]);
  });

  test("a refusal is the answer of its item alone", async () => {
    const results = await eachItem(
      [1, 2, 3],
      () => "same",
      async (n) => {
        if (n === 2) throw new Refused({ code: "empty_target" });
        return `${n}`;
      },
      refused,
    );
    expect(results).toEqual(["1", "empty_target", "3"]);
  });

  test("a bug fails the call", async () => {
    const work = async () => {
      throw new Error("bug");
    };
    await expect(eachItem([1, 2], String, work, refused)).rejects.toThrow("bug");
  });
});
