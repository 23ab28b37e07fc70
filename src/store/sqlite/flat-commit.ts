import type { Commit } from "../store.ts";

type Lists = Required<Omit<Commit, "reply">>;
type Item<P extends keyof Lists> = Lists[P][number];

/** The fields of every part of a commit, in the order they travel in. */
const FIELDS: { readonly [P in keyof Lists]: readonly (keyof Item<P> & string)[] } = {
  expect: ["ns", "kind", "id", "version"],
  put: ["ns", "kind", "id", "status", "parent", "state"],
  remove: ["ns", "kind", "id"],
  entries: ["journal", "ns", "kind", "id", "body"],
  due: ["queue", "key", "dueAtMs", "payload", "priority", "reserve"],
  finish: ["queue", "key", "token"],
  sessions: ["ns", "agentId", "sessionEpoch", "leaseMs"],
  endSessions: ["ns", "agentId", "sessionEpoch"],
};
const PARTS = Object.entries(FIELDS) as readonly (readonly [keyof Lists, readonly string[]])[];

/**
 * A commit as one list: its reply, then for each part the number of items and their fields. Names
 * of fields are most of what copying objects between threads costs.
 */
export type FlatCommit = readonly unknown[];

export function toFlat(commit: Commit): FlatCommit {
  const flat: unknown[] = [commit.reply];
  for (const [part, fields] of PARTS) {
    const items: readonly object[] = commit[part] ?? [];
    flat.push(items.length);
    for (const item of items) {
      for (const field of fields) flat.push((item as Readonly<Record<string, unknown>>)[field]);
    }
  }
  return flat;
}

export function fromFlat(flat: FlatCommit): Commit {
  const commit: Record<string, unknown> = flat[0] === undefined ? {} : { reply: flat[0] };
  let at = 1;
  for (const [part, fields] of PARTS) {
    const count = flat[at++] as number;
    if (count === 0) continue;
    commit[part] = Array.from({ length: count }, () => {
      const item: Record<string, unknown> = {};
      for (const field of fields) item[field] = flat[at++];
      return item;
    });
  }
  return commit;
}
