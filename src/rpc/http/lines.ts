import type { JsonValue } from "@bufbuild/protobuf";
import type { Line } from "./facade.ts";

/** How lines of a plain stream are written. */
export interface LineFormat {
  readonly contentType: string;
  readonly line: (line: Line) => string;
  /** The last line of a stream that fails. */
  readonly error: (error: JsonValue) => string;
}

const ndjson: LineFormat = {
  contentType: "application/x-ndjson",
  line: ({ cursor, item }) =>
    `${JSON.stringify(item === undefined ? { cursor } : { cursor, [item[0]]: item[1] })}\n`,
  error: (error) => `${JSON.stringify({ error })}\n`,
};

const sse: LineFormat = {
  contentType: "text/event-stream",
  // A line with an id alone moves the place to resume at and fires no event.
  line: ({ cursor, item }) => {
    const isBookmark = item === undefined || isProgress(item);
    if (isBookmark) return `id: ${cursor}\n\n`;
    return `id: ${cursor}\ndata: ${JSON.stringify({ cursor, [item[0]]: item[1] })}\n\n`;
  },
  error: (error) => `event: error\ndata: ${JSON.stringify(error)}\n\n`,
};

export const LINES = { ndjson, sse } as const;

function isProgress([name, value]: NonNullable<Line["item"]>): boolean {
  return name === "control" && typeof value === "object" && value !== null && "progress" in value;
}
