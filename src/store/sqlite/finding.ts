/** Something that is not as it was written, or how far the check came. */
export type Finding = Problem | Progress;

export interface Problem {
  readonly type: "problem";
  /** Below the folder of the store. */
  readonly file: string;
  readonly table?: string;
  /** Of the row: the parts of its key, joined by `/`. */
  readonly key?: string;
  /** Goes on where file, table and key leave off. */
  readonly message: string;
}

export interface Progress {
  readonly type: "progress";
  readonly file: string;
  readonly table: string;
  /** Rows of the table that were looked at so far. */
  readonly rows: number;
}
