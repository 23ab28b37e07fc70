import { Refused } from "../core/errors.ts";
import type { Journals } from "../engine/journals.ts";
import { bindingOf, type Place, seal, unseal } from "./seal.ts";

/** Page tokens of one method, namespace and set of parameters; the page size may change. */
export interface PageTokens {
  /** Where the next page begins; `""` after the last. */
  ofItem(next: { readonly id: string; readonly createdMs: number } | undefined): string;
  /** `undefined` for the first page. @throws {Refused} `invalid_page_token`. */
  item(token: string): { readonly id: string; readonly createdMs: number } | undefined;
  /** The same for lists that are ordered by position. */
  ofPosition(next: bigint | undefined): string;
  position(token: string): bigint | undefined;
}

export function createPageTokens(
  { storeId }: Pick<Journals, "storeId">,
  method: string,
  ns: string,
  ...parameters: readonly string[]
): PageTokens {
  const binding = bindingOf("page", storeId, method, ns, ...parameters);
  const open = (token: string): Place => {
    const place = unseal(token);
    if (place === undefined || !Buffer.from(place.binding).equals(binding)) {
      throw new Refused({ code: "invalid_page_token" });
    }
    return place;
  };
  return {
    ofItem: (next) => (next ? seal({ position: 0n, item: { ...next, count: 0 }, binding }) : ""),
    item: (token) => (token === "" ? undefined : open(token).item),
    ofPosition: (next) => (next === undefined ? "" : seal({ position: next, binding })),
    position: (token) => (token === "" ? undefined : open(token).position),
  };
}
