import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Words of states and levels that catch the eye. */
const STYLES: Readonly<Record<string, Style>> = {
  ...paint("green", "LIVE", "SUCCEEDED", "READY", "OK"),
  ...paint("cyan", "ACTIVE", "RUNNING", "ASSIGNED"),
  ...paint("yellow", "SUSPECT", "STALLED", "DRAINING", "CANCELLING", "RETRY_WAIT", "WARN"),
  ...paint("red", "LOST", "ERROR", "FAILED", "FATAL"),
  ...paint("gray", "OFFLINE", "CANCELLED", "UNSPECIFIED", "SKIPPED", "TRACE", "DEBUG"),
};

export type Painter = (text: string, style?: Style) => string;

/** Gives a text the style of its word, or the one named; without color it stays as it is. */
export function createPainter(isColorful: boolean): Painter {
  return (text, style = styleOf(text.trim())) =>
    isColorful && style !== undefined && text !== ""
      ? styleText(style, text, { validateStream: false })
      : text;
}

/** The style of a word of states and levels, if it has one. */
export function styleOf(word: string): Style | undefined {
  return STYLES[word];
}

function paint(style: Style, ...words: readonly string[]): Readonly<Record<string, Style>> {
  return Object.fromEntries(words.map((word) => [word, style]));
}
