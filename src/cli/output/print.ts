import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Settings } from "../settings.ts";
import { pick } from "./fields.ts";
import { createFormat } from "./format.ts";
import type { Painter } from "./style.ts";
import { createTable, describe } from "./table.ts";
import { cleanLines, toSafeJson } from "./text.ts";
import type { Column, Format, View } from "./view.ts";

/** Prints what a command found, in the form that was asked for. */
export interface Printer<T> {
  /** For people; every other form is for programs. */
  readonly isTable: boolean;
  one(item: T): Promise<void>;
  /** A list, and at a terminal how many there are. Returns its items. */
  all(items: AsyncIterable<T> | Iterable<T>): Promise<readonly T[]>;
  /** Items as they come, each at once; json is one line each. */
  follow(items: AsyncIterable<T>): Promise<void>;
  /** Marks what matches in the columns meant for it, wherever there are colors. */
  highlight(pattern: RegExp): void;
}

export interface PrintOptions {
  readonly output: Settings["output"];
  readonly time: Settings["time"];
  /** What --json named. */
  readonly fields: readonly string[] | undefined;
  readonly paint: Painter;
  write(text: string): Promise<void>;
  /** Says something to the person at the terminal. */
  hint(text: string): void;
}

export function createPrinter<T>(view: View<T>, options: PrintOptions): Printer<T> {
  const { output, paint, write } = options;
  const isTable = output === "table" || output === "wide";
  let highlighted: RegExp | undefined;
  return { isTable, one, all, follow, highlight };

  function highlight(pattern: RegExp): void {
    highlighted = pattern;
  }

  async function one(item: T): Promise<void> {
    const { value, format } = await prepare();
    if (!isTable) return write(await textOf(value(item), output));
    const details = view.details?.(item, format) ?? "";
    await write(describe(item, view.columns, format, paint) + cleanLines(details));
  }

  async function all(items: AsyncIterable<T> | Iterable<T>): Promise<readonly T[]> {
    const list: T[] = [];
    for await (const item of items) list.push(item);
    const { value, format } = await prepare();
    if (isTable) await write(tableOf(list, format));
    else if (output === "json" || output === "yaml") {
      await write(await textOf(list.map(value), output));
    } else {
      for (const item of list) await write(await textOf(value(item), output));
    }
    options.hint(summaryOf(view, list, format));
    return list;
  }

  async function follow(items: AsyncIterable<T>): Promise<void> {
    const { value, format } = await prepare();
    const table = createTable(columns(), format, paint, highlighted);
    let head = table.head;
    for await (const item of items) {
      if (isTable) await write(head() + table.row(item));
      else await write(await textOf(value(item), STREAMED[output]));
      head = () => "";
    }
  }

  function tableOf(list: readonly T[], format: Format<T>): string {
    const table = createTable(columns(), format, paint, highlighted);
    for (const item of list) table.measure(item);
    return list.length === 0 ? "" : table.head() + list.map((item) => table.row(item)).join("");
  }

  function columns(): readonly Column<T>[] {
    return view.columns.filter(({ wide }) => !wide || output === "wide");
  }

  /** Everything that needs the contract, which is loaded only now. */
  async function prepare() {
    const schema = await view.schema?.();
    const toJson = schema === undefined ? (item: T) => item : await jsonOf<T>(schema);
    const value = (item: T): unknown => {
      if (output === "id") return view.id(item);
      return options.fields ? pick(toJson(item), options.fields) : toJson(item);
    };
    return { value, format: createFormat<T>(schema, options.time) };
  }
}

/** Forms that are not tables, where items come one by one: each is a document of its own. */
const STREAMED = {
  json: "jsonl",
  jsonl: "jsonl",
  yaml: "yaml-stream",
  id: "id",
  table: "jsonl",
  wide: "jsonl",
} as const;

type Form = Settings["output"] | (typeof STREAMED)[Settings["output"]];

async function textOf(value: unknown, form: Form): Promise<string> {
  switch (form) {
    case "id":
      return `${cleanLines(String(value))}\n`;
    case "jsonl":
      return `${toSafeJson(value)}\n`;
    case "yaml":
      return await toYaml(value);
    case "yaml-stream":
      return `---\n${await toYaml(value)}`;
    default:
      return `${toSafeJson(value, 2)}\n`;
  }
}

async function jsonOf<T>(schema: DescMessage): Promise<(item: T) => unknown> {
  const { toJson } = await import("@bufbuild/protobuf");
  return (item) => toJson(schema, item as Message);
}

async function toYaml(value: unknown): Promise<string> {
  const { stringify } = await import("yaml");
  const text = stringify(value, { lineWidth: 0 });
  // JSON is YAML too, and has no character that a terminal would obey.
  return cleanLines(text) === text ? text : `${toSafeJson(value, 2)}\n`;
}

/** `2 agents: 2 ACTIVE; 1 LIVE, 1 LOST`. */
function summaryOf<T>(
  { noun, plural = `${noun}s`, tally = [] }: View<T>,
  list: readonly T[],
  format: Format<T>,
): string {
  if (list.length === 0) return `no ${plural}`;
  const counts = tally.map((name) => countsOf(list.map((item) => format.field(item, name))));
  const total = `${list.length} ${list.length === 1 ? noun : plural}`;
  return counts.length === 0 ? total : `${total}: ${counts.join("; ")}`;
}

function countsOf(words: readonly string[]): string {
  const counts = Map.groupBy(words, (word) => word);
  return [...counts].map(([word, { length }]) => `${length} ${word}`).join(", ");
}
