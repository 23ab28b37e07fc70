/**
 * The filter language of lists, watches and searches: a subset of CEL, parsed to
 * this tree. `matchesFilter` tries it on a record; the log store compiles the
 * same tree to SQL, and a property test holds the two equal.
 */
export type Filter =
  | { readonly type: "and" | "or"; readonly items: readonly Filter[] }
  | { readonly type: "not"; readonly item: Filter }
  | {
      readonly type: "compare";
      readonly field: FieldRef;
      readonly op: CompareOp;
      readonly value: FilterValue;
    }
  | { readonly type: "in"; readonly field: FieldRef; readonly values: readonly FilterValue[] }
  | { readonly type: "has"; readonly field: FieldRef }
  | { readonly type: "starts_with"; readonly field: FieldRef; readonly prefix: string };

export type CompareOp = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** Times are Unix ms, enum values are the stored lower-case names, severities numbers. */
export type FilterValue = string | number | boolean;

/** A field by its name in the record; `key` picks one of a map, as in `labels['team']`. */
export interface FieldRef {
  readonly name: string;
  readonly key?: string;
}

/**
 * Whether a record matches. Two-valued: a field that is not there, or is of
 * another type than what it is compared with, makes every comparison false,
 * except `!=`, which it makes true.
 */
export function matchesFilter(filter: Filter, get: (field: FieldRef) => unknown): boolean {
  switch (filter.type) {
    case "and":
      return filter.items.every((item) => matchesFilter(item, get));
    case "or":
      return filter.items.some((item) => matchesFilter(item, get));
    case "not":
      return !matchesFilter(filter.item, get);
    case "compare":
      return compares(get(filter.field), filter.op, filter.value);
    case "in": {
      const value = get(filter.field);
      return filter.values.some((wanted) => compares(value, "==", wanted));
    }
    case "has":
      return (get(filter.field) ?? undefined) !== undefined;
    case "starts_with": {
      const value = get(filter.field);
      return typeof value === "string" && value.startsWith(filter.prefix);
    }
  }
}

function compares(value: unknown, op: CompareOp, wanted: FilterValue): boolean {
  if (typeof value !== typeof wanted) return op === "!=";
  const order = orderOf(value as FilterValue, wanted);
  switch (op) {
    case "==":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}

/** Texts are ordered by code point, as the stores order them; false comes before true. */
function orderOf(a: FilterValue, b: FilterValue): number {
  if (typeof a !== "string" || typeof b !== "string") return Number(a) - Number(b);
  const [left, right] = [Array.from(a, codePoint), Array.from(b, codePoint)];
  for (const [i, point] of left.entries()) {
    const difference = point - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function codePoint(character: string): number {
  return Number(character.codePointAt(0));
}
