import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { Limits } from "../core/limits.ts";
import type { Page } from "../engine/agents.ts";
import type { Init } from "./convert.ts";

/** A page as callers get it. */
export type MessagePage<Desc extends DescMessage> = Page<MessageShape<Desc>>;

/** The default size of a page of things, and of entries. */
export const PAGE_ITEMS = 50;
export const PAGE_ENTRIES = 100;

/** How many items a caller wants: 0 is the default. */
export function pageSize(asked: number, usual: number, limits: Limits): number {
  return Math.min(asked === 0 ? usual : asked, limits.page_items);
}

/** A list, as `toMessages` reads it. */
export interface Listing<Desc extends DescMessage, T> {
  readonly schema: Desc;
  readonly read: (limit: number) => Promise<Page<T>>;
  readonly convert: (item: T) => Init<Desc>;
}

/** Reads a page and cuts it where its answer would pass `bytes`; one item always fits. */
export async function readPage<Desc extends DescMessage, T>(
  { schema, read, convert }: Listing<Desc, T>,
  limit: number,
  bytes: number,
): Promise<MessagePage<Desc>> {
  const page = await read(limit);
  const messages = page.items.map((item) => create(schema, convert(item) as never));
  const fitting = Math.max(1, countFitting(schema, messages, bytes));
  if (fitting >= messages.length) return { ...page, items: messages };
  // Read again, so that `next` is the place after the last one that fits.
  return readPage({ schema, read, convert }, fitting, bytes);
}

function countFitting<Desc extends DescMessage>(
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
