import type { Painter } from "./style.ts";
import { clean, widthOf } from "./text.ts";
import type { Column, Format } from "./view.ts";

const GAP = "  ";

/** Lines of a table whose columns grow with what has been shown: rows may come one by one. */
export function createTable<T>(
  columns: readonly Column<T>[],
  format: Format<T>,
  paint: Painter,
  highlight?: RegExp,
): { head(): string; row(item: T): string; measure(item: T): void } {
  const widths = columns.map(({ head, width = 0 }) => Math.max(head.length, width));
  return {
    head: () =>
      line(
        columns.map(({ head }) => head),
        () => "bold",
      ),
    row(item) {
      const cells = cellsOf(item);
      widen(cells);
      return line(cells);
    },
    /** Makes room before the head is printed. */
    measure: (item) => widen(cellsOf(item)),
  };

  function cellsOf(item: T): readonly string[] {
    return columns.map((column) => cellOf(column, item, format));
  }

  function widen(cells: readonly string[]): void {
    for (const [i, cell] of cells.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
  }

  function line(cells: readonly string[], style?: () => "bold"): string {
    const padded = cells.map((cell, i) => {
      const space = " ".repeat(Math.max(0, (widths[i] ?? 0) - widthOf(cell)));
      const shown = columns[i]?.marked ? mark(cell) : paint(cell, style?.());
      return columns[i]?.alignRight ? space + shown : shown + space;
    });
    return `${padded.join(GAP).trimEnd()}\n`;
  }

  function mark(cell: string): string {
    if (highlight === undefined) return cell;
    return cell.replace(highlight, (found) => paint(found, ["bold", "magenta"]));
  }
}

/** A single item, one line for each column that has something to say. */
export function describe<T>(
  item: T,
  columns: readonly Column<T>[],
  format: Format<T>,
  paint: Painter,
): string {
  const rows = columns
    .map((column) => [column.head, cellOf(column, item, format)] as const)
    .filter(([, cell]) => cell !== "");
  const width = Math.max(...rows.map(([head]) => head.length));
  return rows
    .map(([head, cell]) => `${paint(head.padEnd(width), "bold")}${GAP}${paint(cell)}\n`)
    .join("");
}

function cellOf<T>({ field, text }: Column<T>, item: T, format: Format<T>): string {
  const value = text?.(item, format) ?? (field === undefined ? "" : format.field(item, field));
  return clean(value);
}
