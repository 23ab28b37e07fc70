import type { Json, JsonObject } from "./json.ts";

/** A CEL expression, as its author wrote it. */
export type Expression = string;

/** Text in which `${...}` holds a CEL expression. */
export type TemplateText = string;

/**
 * A workflow template as the core sees it: the message of the contract with
 * undefined for what the author left out. Defaults are applied where they are
 * used (`settingsOf`), so that the digest does not depend on them.
 */
export interface Template {
  readonly templateId: string;
  readonly version: string;
  readonly title?: string;
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly vars?: JsonObject;
  readonly main: Block;
  readonly output?: Readonly<Record<string, Expression>>;
  readonly timeoutMs?: number;
  readonly defaults?: StepDefaults;
  /** 1 (last) to 9 (first). */
  readonly priority?: number;
}

export interface Block {
  readonly mode?: "sequence" | "graph";
  readonly steps: readonly Step[];
  readonly output?: Readonly<Record<string, Expression>>;
}

export interface StepDefaults {
  readonly retry?: RetryPolicy;
  readonly timeouts?: Timeouts;
}

export interface Step {
  readonly id: string;
  readonly title?: string;
  readonly needs?: readonly string[];
  /** `if` of the author. */
  readonly condition?: Expression;
  readonly retry?: RetryPolicy;
  readonly timeouts?: Timeouts;
  readonly priority?: number;
  readonly onError?: "fail" | "continue";
  readonly fallback?: Block;
  /** What the step does; absent only in a template that has not been checked. */
  readonly kind?: StepKind;
}

export type StepKind =
  | {
      readonly type: "task";
      readonly agent: AgentSelector;
      readonly literal?: JsonObject;
      readonly input?: Readonly<Record<string, Expression>>;
      readonly inputFrom?: Expression;
    }
  | { readonly type: "set"; readonly values: Readonly<Record<string, Expression>> }
  | { readonly type: "fail"; readonly reason: string; readonly message?: TemplateText };

/** Which agents may do a task. All given parts must hold. */
export interface AgentSelector {
  /** Name, optionally `@` and a semantic version range. */
  readonly capability?: string;
  readonly where?: Expression;
  readonly agentId?: string;
}

export interface RetryPolicy {
  readonly maxAttempts?: number;
  readonly initialDelayMs?: number;
  readonly multiplier?: number;
  readonly maxDelayMs?: number;
  readonly retryIf?: Expression;
}

export interface Timeouts {
  readonly queuedMs?: number;
  readonly attemptMs?: number;
  readonly totalMs?: number;
  readonly heartbeatMs?: number;
}

/** What a run of a template can come to at most. */
export interface Bounds {
  readonly tasks: number;
  readonly attempts: number;
  /** Absent: only the run's timeout bounds it. */
  readonly timeMs?: number;
}

/** Why an attempt, a step or a run did not succeed. */
export interface Failure {
  /** UPPER_SNAKE: one of the engine's own reasons, or the agent's choice. */
  readonly reason: string;
  readonly message: string;
  /** Trying again is pointless, whatever the policy says. */
  readonly permanent?: boolean;
  readonly retryAfterMs?: number;
  readonly details?: JsonObject;
  /** JSON Pointer into the template. */
  readonly pointer?: string;
  readonly cause?: Failure;
}

/** What expressions can read, by root name. */
export type Values = Readonly<Record<string, Json | Date>>;
