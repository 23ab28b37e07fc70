import type { JsonObject } from "./json.ts";
import type { Scope } from "./template-scope.ts";
import type { Expression, RetryPolicy, StepKind, Timeouts } from "./template-types.ts";

/**
 * A template prepared for running: every block and step by its path, with all
 * defaults applied and all dependencies resolved. It depends on the template
 * alone, so callers may keep it by the template's digest.
 */
export interface Plan {
  readonly main: BlockPlan;
  /** Constants, readable as `vars`. */
  readonly vars: JsonObject;
  /** Every block by path: "" is main, `draft/` the fallback of step `draft`. */
  readonly blocks: ReadonlyMap<string, BlockPlan>;
  /** Every step by path. */
  readonly steps: ReadonlyMap<string, StepPlan>;
  /** The path of every step, by its id. */
  readonly paths: ReadonlyMap<string, string>;
  /** Output of the run, field by field. Absent: the output of main. */
  readonly output?: Readonly<Record<string, Expression>>;
  /** Paths of the steps that `output` reads. */
  readonly outputReads: readonly string[];
}

export interface BlockPlan {
  /** "" for main, else the path of the step it is the fallback of, and "/". */
  readonly path: string;
  /** Path of the step it is the fallback of; absent for main. */
  readonly owner?: string;
  /** JSON Pointer in the names of the contract. */
  readonly pointer: string;
  readonly mode: "sequence" | "graph";
  readonly steps: readonly StepPlan[];
  readonly output?: Readonly<Record<string, Expression>>;
  /** Paths of the steps that `output` reads. */
  readonly outputReads: readonly string[];
  /** What its expressions can name: pass it to `scopeOf`. */
  readonly scope: Scope;
}

export interface StepPlan {
  /** The path of its block and its id, for example `draft/simple`. */
  readonly path: string;
  readonly id: string;
  /** JSON Pointer in the names of the contract, for example `/main/steps/0`. */
  readonly pointer: string;
  /** Path of the block it is in. */
  readonly block: string;
  readonly kind: StepKind;
  readonly condition?: Expression;
  /** Paths of the steps of its block that must have ended before it starts, in template order. */
  readonly after: readonly string[];
  /** Paths of all steps that its expressions and those inside its fallback can read. */
  readonly reads: readonly string[];
  readonly retry: RetrySettings;
  readonly timeouts: TimeoutSettings;
  /** Absent: the run's. */
  readonly priority?: number;
  readonly onError: "fail" | "continue";
  /** Path of the block that runs when the step failed for good. */
  readonly fallback?: string;
}

/** A retry policy with its defaults. */
export type RetrySettings = Required<Omit<RetryPolicy, "retryIf">> & Pick<RetryPolicy, "retryIf">;

/** Time limits with their defaults; the absent ones set no limit. */
export type TimeoutSettings = Timeouts & { readonly attemptMs: number };
