import { say } from "../streams.ts";

/** Lines at the end of a terminal's standard error that are written again and again. */
export interface Screen {
  /** Characters of a line, and lines that can be seen at once. */
  size(): { readonly columns: number; readonly rows: number };
  /** Puts lines in the place of those drawn before; none may be longer than the screen is wide. */
  draw(lines: readonly string[]): void;
}

export function createScreen(): Screen {
  let drawn = 0;
  return {
    size: () => ({ columns: process.stderr.columns || 80, rows: process.stderr.rows || 24 }),
    draw(lines) {
      const back = drawn === 0 ? "" : `\u001b[${drawn}A\r\u001b[J`;
      drawn = lines.length;
      say(back + lines.map((line) => `${line}\n`).join(""));
    },
  };
}
