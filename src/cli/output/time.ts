import type { Settings } from "../settings.ts";

/** A time of the contract. */
export interface Time {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** The time of the contract for one in ms since 1970. */
export function timestampOf(ms: number): Time {
  const seconds = Math.floor(ms / 1_000);
  return { seconds: BigInt(seconds), nanos: Math.floor(ms - seconds * 1_000) * 1_000_000 };
}

/** The ms since 1970 of a time of the contract; also the ms of a duration. */
export function msOf({ seconds, nanos }: Time): number {
  return Number(seconds) * 1_000 + nanos / 1e6;
}

const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
] as const;

export function formatTime(time: Time, form: Settings["time"], nowMs: number): string {
  const atMs = Math.floor(msOf(time));
  switch (form) {
    case "relative":
      return atMs > nowMs ? `in ${formatSpan(atMs - nowMs)}` : `${formatSpan(nowMs - atMs)} ago`;
    case "local":
      return local(new Date(atMs));
    case "iso":
      return new Date(atMs).toISOString();
    case "unix":
      return (atMs / 1_000).toFixed(3);
  }
}

/** The largest unit that fits, rounded down; tenths of a second below ten. */
export function formatSpan(ms: number): string {
  const [size, unit] = UNITS.find(([unitMs]) => ms >= unitMs) ?? [1, "ms"];
  if (unit === "s" && ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  return `${Math.floor(ms / size)}${unit}`;
}

function local(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
