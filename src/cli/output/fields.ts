import type { DescMessage } from "@bufbuild/protobuf";
import { nearest } from "../../core/nearest.ts";
import { usage } from "../cli-error.ts";
import type { View } from "./view.ts";

/** The names that --json takes: fields of the contract as JSON writes them. */
export function fieldsOf<T>(view: View<T>, schema: DescMessage | undefined): readonly string[] {
  if (schema !== undefined) return schema.fields.map((field) => field.jsonName);
  return view.columns.flatMap(({ field }) => (field === undefined ? [] : [field]));
}

/** Keeps some fields of an item's JSON. A dot goes into an object: `spec.version`. */
export function pick(json: unknown, paths: readonly string[]): unknown {
  const kept: Record<string, unknown> = {};
  for (const path of paths) copy(json, path.split("."), kept);
  return kept;
}

/** Splits `agentId,spec.version`; snake_case is understood. @throws {CliError} for an unknown field. */
export function parseFields(text: string, known: readonly string[]): readonly string[] {
  return text.split(",").map((part) => {
    const [top = "", ...rest] = part.trim().split(".").map(camel);
    if (!known.includes(top)) {
      const meant = nearest(top, known);
      throw usage(
        `--json: there is no field ${JSON.stringify(top)}`,
        meant === undefined ? `there are ${known.join(", ")}` : `did you mean ${meant}?`,
      );
    }
    return [top, ...rest].join(".");
  });
}

function copy(from: unknown, path: readonly string[], to: Record<string, unknown>): void {
  const [name, ...rest] = path;
  if (name === undefined || typeof from !== "object" || from === null) return;
  const value = (from as Readonly<Record<string, unknown>>)[name];
  if (value === undefined) return;
  if (rest.length === 0) {
    to[name] = value;
    return;
  }
  const inner = (to[name] ?? {}) as Record<string, unknown>;
  to[name] = inner;
  copy(value, rest, inner);
}

function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
