import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { nowMs } from "../environment.ts";
import type { Settings } from "../settings.ts";
import { formatSpan, formatTime, msOf, type Time } from "./time.ts";
import type { Format } from "./view.ts";

const TIMESTAMP = "google.protobuf.Timestamp";
const DURATION = "google.protobuf.Duration";

export function createFormat<T>(
  schema: DescMessage | undefined,
  form: Settings["time"],
): Format<T> {
  const format: Format<T> = {
    get nowMs() {
      return nowMs();
    },
    field: (item, name) => show(item[name], schema?.field[name]),
    word(path, value) {
      const names = path.split(".");
      const last = names.pop() ?? "";
      const parent = names.reduce((message, name) => message?.field[name]?.message, schema);
      return show(value, parent?.field[last]);
    },
    time: (time) => (time === undefined ? "" : formatTime(time, form, format.nowMs)),
  };
  return format;

  function show(value: unknown, field: DescField | undefined): string {
    if (value === undefined || value === null) return "";
    if (field?.fieldKind === "enum")
      return field.enum.value[Number(value)]?.localName ?? String(value);
    if (field?.message?.typeName === TIMESTAMP) return format.time(value as Time);
    if (field?.message?.typeName === DURATION) return formatSpan(msOf(value as Time));
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}
