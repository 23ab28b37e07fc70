import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Limits } from "../core/limits.ts";
import type { Init } from "./convert.ts";

/** The default size of a page of things, and of entries. */
export const PAGE_ITEMS = 50;
export const PAGE_ENTRIES = 100;

/** How many items a caller wants: 0 is the default. */
export function pageSize(asked: number, usual: number, limits: Limits): number {
  return Math.min(asked === 0 ? usual : asked, limits.page_items);
}

/** A page of something, and what comes with it. */
interface Items<T> {
  readonly items: readonly T[];
}

/** A list to be read page by page, and the form its items take. */
export interface Listing<Desc extends DescMessage, T, Page extends Items<T>> {
  readonly schema: Desc;
  readonly read: (limit: number) => Promise<Page & Items<T>>;
  readonly convert: (item: T) => Init<Desc>;
}

/** Reads a page and cuts it where its answer would pass `bytes`; one item always fits. */
export async function readPage<Desc extends DescMessage, T, Page extends Items<T>>(
  listing: Listing<Desc, T, Page>,
  limit: number,
  bytes: number,
): Promise<Omit<Page, "items"> & { readonly items: MessageShape<Desc>[] }> {
  const { schema, read, convert } = listing;
  const page = await read(limit);
  const items = page.items.map((item) => create(schema, convert(item) as MessageInitShape<Desc>));
  const fitting = Math.max(1, countFitting(schema, items, bytes));
  if (fitting >= items.length) return { ...page, items };
  // Read again, so that `next` is the place after the last one that fits.
  return readPage(listing, fitting, bytes);
}

/** How many messages, from the first, fit into so many bytes. */
export function countFitting<Desc extends DescMessage>(
  schema: Desc,
  messages: readonly MessageShape<Desc>[],
  bytes: number,
): number {
  let left = bytes;
  const over = messages.findIndex((message) => {
    left -= toBinary(schema, message).length;
    return left < 0;
  });
  return over === -1 ? messages.length : over;
}
