import type { Argument, Option } from "./command.ts";

/** The flag of an option, as it is typed. */
export function flagOf(key: string, { flag }: Option): string {
  return flag ?? `--${kebab(key)}`;
}

/** An argument as usage shows it. */
export function placeholderOf(key: string, { optional, many }: Argument): string {
  const name = kebab(key) + (many ? "..." : "");
  return optional ? `[${name}]` : `<${name}>`;
}

/** What a row of help says of the values there are, after what it is about. */
export function valuesOf(spec: {
  readonly choices?: readonly string[];
  readonly default?: string;
}): string {
  const choices = spec.choices === undefined ? "" : `: ${spec.choices.join(", ")}`;
  return choices + (spec.default === undefined ? "" : ` (default ${spec.default})`);
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}
