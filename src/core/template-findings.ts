import type { Diagnostic } from "./diagnostic.ts";
import type { Json, JsonObject } from "./json.ts";

/** More than this helps nobody. */
export const MAX_DIAGNOSTICS = 100;
const MAX_CHARACTERS = 1024;

/** What is known beyond code, place and message. */
export interface Detail {
  readonly range?: Diagnostic["range"];
  readonly suggestion?: string | undefined;
}

/** Collects what is wrong with one template, in the order in which it is found. */
export interface Findings {
  readonly diagnostics: readonly Diagnostic[];
  /** Nothing more is kept; the rest need not be looked at. */
  readonly full: () => boolean;
  readonly error: (code: string, pointer: string, message: string, detail?: Detail) => void;
}

export function createFindings(): Findings {
  const diagnostics: Diagnostic[] = [];
  const full = () => diagnostics.length >= MAX_DIAGNOSTICS;
  return {
    diagnostics,
    full,
    error: (code, pointer, message, { range, suggestion } = {}) => {
      if (full()) return;
      diagnostics.push({
        code,
        // Names in them can be as long as a template.
        message: message.slice(0, MAX_CHARACTERS).toWellFormed(),
        error: true,
        pointer: pointer.slice(0, MAX_CHARACTERS).toWellFormed(),
        ...(range && { range }),
        ...(suggestion !== undefined && { suggestion }),
      });
    },
  };
}

/** One more token of a JSON Pointer. */
export function below(pointer: string, token: string | number): string {
  return `${pointer}/${String(token).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Text that is too long, or that not every store and language can keep. */
export function checkPlainText(
  text: string | undefined,
  maxBytes: number,
  pointer: string,
  findings: Findings,
): void {
  if (text === undefined) return;
  if (!isStorable(text)) {
    findings.error("TEXT_INVALID", pointer, "The text holds NUL or half of a surrogate pair.");
  } else if (byteLength(text) > maxBytes) {
    findings.error("LIMIT_EXCEEDED", pointer, `The text is longer than ${maxBytes} bytes.`);
  }
}

/** The names of the fields of a map. */
export function checkFieldNames(
  fields: Readonly<Record<string, unknown>> | undefined,
  pointer: string,
  findings: Findings,
): void {
  for (const key of Object.keys(fields ?? {})) checkKey(key, below(pointer, key), findings);
}

function checkKey(key: string, pointer: string, findings: Findings): void {
  const valid = isStorable(key) && byteLength(key) <= 128 && /^\P{Cc}+$/u.test(key);
  if (valid && key !== "__proto__") return;
  findings.error(
    "KEY_INVALID",
    pointer,
    "A field's name has 1 to 128 bytes without control characters and is not __proto__.",
  );
}

/** Constants: names, texts, and at most `levels` of lists and objects inside each other. */
export function checkConstant(
  value: Json,
  levels: number,
  pointer: string,
  findings: Findings,
): void {
  if (typeof value === "string") {
    checkPlainText(value, Number.POSITIVE_INFINITY, pointer, findings);
  } else if (typeof value === "number" && !Number.isFinite(value)) {
    findings.error("VALUE_OUT_OF_RANGE", pointer, "JSON has no such number.");
  } else if (typeof value === "object" && value !== null) {
    checkInside(value, levels, pointer, findings);
  }
}

function checkInside(
  value: JsonObject | readonly Json[],
  levels: number,
  pointer: string,
  findings: Findings,
): void {
  if (levels === 0) {
    findings.error("LIMIT_EXCEEDED", pointer, "The constants are nested too deeply.");
    return;
  }
  if (!Array.isArray(value)) checkFieldNames(value as JsonObject, pointer, findings);
  for (const [key, inner] of Object.entries(value)) {
    if (findings.full()) return;
    checkConstant(inner, levels - 1, below(pointer, key), findings);
  }
}

/** Length in UTF-8. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}
