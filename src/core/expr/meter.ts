import { type celEnv, isCelError, isCelList, isCelMap } from "@bufbuild/cel";
import { ExpressionError } from "./error.ts";
import { patternSize } from "./pattern.ts";

/**
 * Work that one evaluation may do; a unit is about ten nanoseconds at worst.
 * Counted, not timed, so that an expression fails everywhere or nowhere.
 */
const WORK_MAX = 10_000_000;
const PER_STEP_PART = 10;
const PER_CALL = 20;
/** A call that fails makes an error, which `||` may absorb. */
const PER_FAILURE = 300;
const PER_COMPARED = 30;
const PER_SEARCHED = 8;
const PER_JOINED = 1;
const PER_RESULT = 40;
const PER_CHARACTER = 0.25;
/** To read one part of a pattern, and to try it on one character. */
const PER_PART = 110;
const PER_TRY = 12;

/** Functions that go through a text character by character. */
const SLOW_PER_CHARACTER: Readonly<Record<string, number>> = {
  size: 2,
  split: 2,
  lowerAscii: 4,
  upperAscii: 4,
};

let left = WORK_MAX;

/** Begins an evaluation. */
export function startWork(): void {
  left = WORK_MAX;
}

/** Pays for one part of a result. @throws {ExpressionError} */
export function payPart(part: unknown): void {
  pay(PER_RESULT + charactersOf(part) * PER_CHARACTER);
}

/** Pays for the steps of a loop, whatever they call. @throws {ExpressionError} */
export function paySteps(steps: number, parts: number): void {
  pay(steps * parts * PER_STEP_PART);
}

type Env = ReturnType<typeof celEnv>;
type Group = NonNullable<ReturnType<Env["funcs"]["find"]>>;

/**
 * The same environment, in which each call is paid for before it runs: the
 * library itself bounds nothing. An error of a function can be absorbed by `||`,
 * one thrown here ends the evaluation.
 */
export function metered(env: Env): Env {
  const find = (name: string): Group | undefined => {
    const group = env.funcs.find(name);
    return group && meteredGroup(name, group);
  };
  const funcs = Object.create(env.funcs, { find: { value: find } }) as Env["funcs"];
  return Object.create(env, { funcs: { value: funcs } }) as Env;
}

function meteredGroup(name: string, group: Group): Group {
  const call: Group["call"] = (id, target, args) => {
    pay(PER_CALL + costOf(name, target === undefined ? args : [target, ...args]));
    const result = group.call(id, target, args);
    if (result === undefined || isCelError(result)) pay(PER_FAILURE);
    return result;
  };
  return Object.create(group, { call: { value: call } }) as Group;
}

/** @throws {ExpressionError} once the evaluation has done too much. */
function pay(work: number): void {
  left -= work;
  if (left < 0) throw new ExpressionError("the expression does too much work on these values");
}

function costOf(name: string, values: readonly unknown[]): number {
  const [first, second] = values;
  switch (name) {
    case "_==_":
    case "_!=_":
      return weigh(isScalar(first) ? first : isScalar(second) ? second : first);
    case "@in":
      return isCelList(second) && isScalar(first) ? second.size * PER_SEARCHED : weigh(second);
    case "join":
      return weigh(first);
    case "matches":
      return patternSize(String(second)) * (PER_PART + PER_TRY * charactersOf(first));
    default: {
      const perCharacter = SLOW_PER_CHARACTER[name] ?? PER_CHARACTER;
      return values.reduce<number>(
        (sum, value) => sum + charactersOf(value) * perCharacter + itemsOf(value) * PER_JOINED,
        0,
      );
    }
  }
}

/** What it takes to go through a value; no further than the work that is left. */
function weigh(value: unknown): number {
  let sum = PER_COMPARED + charactersOf(value) * PER_CHARACTER;
  const parts = isCelList(value) ? value : isCelMap(value) ? value.values() : [];
  for (const part of parts) {
    sum += weigh(part);
    if (sum > left) break;
  }
  return sum;
}

function isScalar(value: unknown): boolean {
  return !isCelList(value) && !isCelMap(value);
}

function charactersOf(value: unknown): number {
  return typeof value === "string" || value instanceof Uint8Array ? value.length : 0;
}

function itemsOf(value: unknown): number {
  return isCelList(value) ? value.size : 0;
}
