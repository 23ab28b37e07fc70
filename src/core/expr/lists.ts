import { CelScalar, celFunc, celList, listType } from "@bufbuild/cel";

const LIST = listType(CelScalar.DYN);
type List = ReturnType<typeof celList>;
type Items = Extract<Parameters<typeof celList>[0], readonly unknown[]>;

const known = new WeakMap<List, Items>();

/**
 * Joins two lists into a flat one. The library nests them, so that a list of
 * 1,000 items that `map` made takes 500,000 steps to read.
 */
export const JOIN_LISTS = celFunc("_+_", [LIST, LIST], LIST, (left, right) => {
  const items: Items = [...itemsOf(left), ...itemsOf(right)];
  const list = celList(items);
  known.set(list, items);
  return list;
});

function itemsOf(list: List): Items {
  return known.get(list) ?? [...list];
}
