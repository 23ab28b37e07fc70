import { toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BlobRefSchema } from "../../gen/opscore/v1/common_pb.ts";
import { limitsWith } from "../../src/core/limits.ts";
import { PAGE_ITEMS, pageSize, readPage } from "../../src/rpc/pages.ts";

test("a page has the size asked for, its default, and no more than the limit", () => {
  const limits = limitsWith();
  expect([0, 7, 5_000].map((asked) => pageSize(asked, PAGE_ITEMS, limits))).toEqual([50, 7, 1_000]);
});

test("pages of any size in bytes hold every item once, in order", async () => {
  const anySizes = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(anySizes, fc.integer({ min: 1, max: 8 }), async (sizes, limit) => {
      const all = sizes.map((size) => "u".repeat(size));
      const seen: string[] = [];
      for (let at: number | undefined = 0; at !== undefined; ) {
        const from: number = at;
        const read = async (count: number) => {
          const items = all.slice(from, from + count);
          const next = from + items.length;
          return { items, ...(next < all.length && { next }) };
        };
        const listing = { schema: BlobRefSchema, read, convert: (uri: string) => ({ uri }) };
        const page: { items: { uri: string }[]; next?: number } = await readPage(
          listing,
          limit,
          100,
        );
        const bytes = page.items.reduce(
          (sum, item) => sum + toBinary(BlobRefSchema, item as never).length,
          0,
        );
        expect(bytes <= 100 || page.items.length === 1).toBe(true);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        seen.push(...page.items.map(({ uri }) => uri));
        at = page.next;
      }
      expect(seen).toEqual(all);
    }),
  );
});
