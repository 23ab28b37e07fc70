/**
 * The filter language of lists, watches and searches: a subset of CEL, parsed to
 * this tree. `matches` tries it on a record; the log store compiles the same
 * tree to SQL, and a property test holds the two equal.
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
