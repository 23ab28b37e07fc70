import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** A line of a plain stream: what it says, and where to resume after it. */
interface Line {
  readonly cursor: string;
  readonly item?: readonly [name: string, value: JsonValue];
}

const SINGULAR: Readonly<Record<string, string>> = {
  entries: "entry",
  agents: "agent",
  runs: "run",
};

/**
 * One line for each entry and each item of a snapshot. A line's cursor never
 * stands beyond it: entries have one each, items of a snapshot all but the last
 * share that of the frame before, so a stream cut in the middle repeats items
 * and skips nothing.
 */
export function linesOf(
  { cursor, ...parts }: JsonObject,
  before: string,
  cursorAt: (frameCursor: string, position: bigint) => string,
): readonly Line[] {
  const whole = String(cursor ?? "");
  const items = Object.entries(parts).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? null]).map((item) => [name, item] as const),
  );
  if (items.length === 0) return [{ cursor: whole }];
  return items.map(([name, item], i): Line => {
    const position = name === "entries" ? positionOf(item) : undefined;
    const inFrame = i === items.length - 1 ? whole : before || whole;
    const own = position === undefined ? inFrame : cursorAt(whole, position);
    return { cursor: own, item: [SINGULAR[name] ?? name, item] };
  });
}

function positionOf(entry: JsonValue): bigint | undefined {
  const { position } = entry as { position?: string };
  return position === undefined ? undefined : BigInt(position);
}

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
