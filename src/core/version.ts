import { satisfies as inRange, valid, validRange } from "semver";

/** A capability that a selector asks for. */
export interface CapabilityRange {
  readonly name: string;
  /** Semantic version range; `*` when none was given. */
  readonly range: string;
}

const ANY = "*";
const UNVERSIONED = "0.0.0";

/** Splits `code@^2` into name and range. */
export function parseCapability(text: string): CapabilityRange {
  const at = text.indexOf("@");
  return at < 0
    ? { name: text, range: ANY }
    : { name: text.slice(0, at), range: text.slice(at + 1) };
}

/** Whether a version lies in a range. An empty version is 0.0.0; `*` takes every version. */
export function satisfies(version: string, range: string): boolean {
  return range === ANY || inRange(version === "" ? UNVERSIONED : version, range);
}

/** Whether `text` is a semantic version, written out in full. */
export function isVersion(text: string): boolean {
  return valid(text) === text;
}

/** Whether `text` is a semantic version range. */
export function isRange(text: string): boolean {
  return text !== "" && validRange(text) !== null;
}
