import { randomBytes, randomUUID } from "node:crypto";

/** A canonical UUIDv7: sorts by the time it was made. */
export function newId(nowMs: number): string {
  const time = Math.max(0, Math.floor(nowMs)).toString(16).padStart(12, "0").slice(-12);
  const random = randomUUID();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}

/** A share of a delay, from 0 to 1. */
export function jitter(): number {
  return randomBytes(4).readUInt32LE() / 0xffff_ffff;
}

/** A new W3C trace context: version 00, random trace and span, sampled. */
export function newTraceparent(): string {
  return `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`;
}

/** Names one failure, in the answer and in the log. */
export function newReference(): string {
  return randomBytes(6).toString("hex");
}
