import type { Failure } from "../../../gen/opscore/v1/common_pb.ts";
import { clean, widthOf } from "../output/text.ts";
import { formatSpan } from "../output/time.ts";

/** What is known of one step of a run. */
export interface StepRow {
  readonly path: string;
  /** That of the step, or while it runs that of its task. */
  readonly state: string;
  readonly taskId: string;
  readonly agentId: string;
  readonly attempt: number;
  /** 0: unknown. */
  readonly maxAttempts?: number;
  readonly startMs?: number | undefined;
  readonly endMs?: number | undefined;
  /** Of the step, or of its last attempt. */
  readonly failure?: Failure | undefined;
  readonly nextAttemptMs?: number | undefined;
  readonly progress?: string | undefined;
  /** Steps that have not ended and stand before it. */
  readonly waitsFor: readonly string[];
}

/** A mark that says the state, and the rest of the line. */
export interface StepLine {
  readonly glyph: string;
  readonly state: string;
  readonly text: string;
}

const GLYPHS: Readonly<Record<string, string>> = {
  ASSIGNED: "▸",
  RUNNING: "▸",
  RETRY_WAIT: "↻",
  FALLING_BACK: "↻",
  SUCCEEDED: "✓",
  FAILED: "✗",
  SKIPPED: "–",
  CANCELLED: "⊘",
};
/** Not begun, or nobody is at it yet. */
const WAITING = "○";

/** So that columns stay where they are while time passes. */
const SPAN_WIDTH = 4;

/** Steps as lines whose columns are aligned. Text of others is cleaned. */
export function linesOf(rows: readonly StepRow[], nowMs: number): readonly StepLine[] {
  const cells = rows.map((row) => [clean(row.path), clean(row.agentId), spanOf(row, nowMs)]);
  const widths = [0, 0, SPAN_WIDTH].map((least, i) =>
    Math.max(least, ...cells.map((row) => widthOf(row[i] ?? ""))),
  );
  return rows.map((row, i) => {
    const padded = (cells[i] ?? []).map((cell, at) => pad(cell, widths[at] ?? 0));
    const text = [...padded, clean(noteOf(row, nowMs))].filter((cell) => cell !== "").join("  ");
    return { glyph: GLYPHS[row.state] ?? WAITING, state: row.state, text: text.trimEnd() };
  });
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

function spanOf({ startMs, endMs }: StepRow, nowMs: number): string {
  return startMs === undefined ? "" : formatSpan(Math.max(0, (endMs ?? nowMs) - startMs));
}

function noteOf(row: StepRow, nowMs: number): string {
  const { state, attempt, failure, waitsFor, progress = "" } = row;
  const why = failure === undefined ? "" : `${failure.reason}: ${failure.message}`;
  switch (state) {
    case "PENDING":
      return waitsFor.length === 0 ? "" : `waiting on ${waitsFor.join(", ")}`;
    case "QUEUED":
      return ["waiting for an agent", attempt > 0 && why].filter(Boolean).join("  ");
    case "ASSIGNED":
    case "RUNNING":
      return [progress, attempt > 1 && `${attemptOf(row)}${after(failure)}`]
        .filter(Boolean)
        .join("  ");
    case "RETRY_WAIT":
      return `${attemptOf(row)} failed, again ${againIn(row, nowMs)}  ${why}`;
    case "FALLING_BACK":
      return `falls back after ${why}`;
    case "FAILED":
      return [attempt > 1 && attemptOf(row), why].filter(Boolean).join("  ");
    case "SUCCEEDED":
      return attempt > 1 ? attemptOf(row) : "";
    default:
      return state.toLowerCase();
  }
}

function attemptOf({ attempt, maxAttempts = 0 }: StepRow): string {
  return maxAttempts === 0 ? `attempt ${attempt}` : `attempt ${attempt}/${maxAttempts}`;
}

function after(failure: Failure | undefined): string {
  return failure === undefined ? "" : ` after ${failure.reason}`;
}

function againIn({ nextAttemptMs }: StepRow, nowMs: number): string {
  return nextAttemptMs === undefined || nextAttemptMs <= nowMs
    ? "soon"
    : `in ${formatSpan(nextAttemptMs - nowMs)}`;
}
