import type { DescMessage } from "@bufbuild/protobuf";
import type { Ops } from "../connect.ts";
import type { Time } from "./time.ts";

/** How one kind of thing is shown: its columns are all there is to know for a table. */
export interface View<T> {
  /** Singular, as in `no agent "x"`. */
  readonly noun: string;
  /** Where it is not the noun and an s. */
  readonly plural?: string;
  /** The message of the contract. Absent for plain objects, which are their own JSON. */
  readonly schema?: () => Promise<DescMessage>;
  readonly columns: readonly Column<T>[];
  id(item: T): string;
  /** Fields whose values are counted below a list. */
  readonly tally?: readonly (keyof T & string)[];
  /** Ids that begin with a text, for unique prefixes and "did you mean". */
  readonly ids?: (ops: Ops, prefix: string, max: number) => Promise<readonly string[]>;
  /** What follows the columns of a single item in `table` and `wide`, for example its steps. */
  details?(item: T, format: Format<T>): string;
}

export interface Column<T> {
  readonly head: string;
  /** Shown by its type: enums by their short names, times by --time. */
  readonly field?: keyof T & string;
  /** Instead of `field`. May hold text of others: it is cleaned when printed. */
  readonly text?: (item: T, format: Format<T>) => string | undefined;
  /** Only in `wide` and for a single item. */
  readonly wide?: true;
  readonly alignRight?: true;
  /** What --highlight looks for is marked here. */
  readonly marked?: true;
  /** At least so many characters where rows are printed as they come. */
  readonly width?: number;
}

/** Gives a column's own text the common forms. */
export interface Format<T> {
  readonly nowMs: number;
  /** A field of the item, shown by its type. */
  field(item: T, name: keyof T & string): string;
  /** The short name of an enum further down, for example at `steps.state`. */
  word(path: string, value: number): string;
  time(time: Time | undefined): string;
}
