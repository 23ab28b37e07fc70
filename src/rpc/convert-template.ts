import { create, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { RetryPolicy as RetryMessage } from "../../gen/opscore/v1/common_pb.ts";
import {
  type Block as BlockMessage,
  BlockMode,
  type BlockSchema,
  OnError,
  type Step as StepMessage,
  type StepSchema,
  type Timeouts as TimeoutsMessage,
  type WorkflowTemplate,
  WorkflowTemplateSchema,
} from "../../gen/opscore/v1/template_pb.ts";
import { Refused, unreachable } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type {
  AgentSelector,
  Block,
  RetryPolicy,
  Step,
  StepDefaults,
  StepKind,
  Template,
  Timeouts,
} from "../core/template-types.ts";
import { type Init, textOrNothing } from "./convert.ts";

/**
 * A template as the core sees it: what the message leaves at its default is
 * absent. Its nesting must have been measured: this walks it recursively.
 *
 * @throws {Refused} `invalid_field` for an enum value that this version does not know.
 */
export function fromTemplate(message: WorkflowTemplate): Template {
  const { defaults } = message;
  return compact<Template>({
    templateId: message.templateId,
    version: message.version,
    title: textOrNothing(message.title),
    description: textOrNothing(message.description),
    labels: mapOrNothing(message.labels),
    vars: mapOrNothing(mapValues(message.vars, fromValue)),
    main: message.main === undefined ? { steps: [] } : fromBlock(message.main),
    output: mapOrNothing(message.output),
    timeoutMs: exactMs(message.timeout),
    defaults:
      defaults &&
      compact<StepDefaults>({
        retry: defaults.retry && fromRetry(defaults.retry),
        timeouts: defaults.timeouts && fromTimeouts(defaults.timeouts),
      }),
    priority: numberOrNothing(message.priority),
  });
}

function fromBlock({ mode, steps, output }: BlockMessage): Block {
  return compact<Block>({
    mode: mode === BlockMode.UNSPECIFIED ? undefined : named(MODES, mode, "mode"),
    steps: steps.map(fromStep),
    output: mapOrNothing(output),
  });
}

function fromStep(step: StepMessage): Step {
  const { needs, retry, timeouts, onError, fallback } = step;
  return compact<Step>({
    id: step.id,
    title: textOrNothing(step.title),
    needs: needs.length === 0 ? undefined : needs,
    condition: textOrNothing(step.condition),
    retry: retry && fromRetry(retry),
    timeouts: timeouts && fromTimeouts(timeouts),
    priority: numberOrNothing(step.priority),
    onError: onError === OnError.UNSPECIFIED ? undefined : named(ON_ERROR, onError, "on_error"),
    fallback: fallback && fromBlock(fallback),
    kind: fromKind(step.kind),
  });
}

function fromKind({ case: type, value }: StepMessage["kind"]): StepKind | undefined {
  switch (type) {
    case undefined:
      return undefined;
    case "task":
      return compact<Extract<StepKind, { type: "task" }>>({
        type,
        agent: compact<AgentSelector>({
          capability: textOrNothing(value.agent?.capability ?? ""),
          where: textOrNothing(value.agent?.where ?? ""),
          agentId: textOrNothing(value.agent?.agentId ?? ""),
        }),
        literal: value.literal,
        input: mapOrNothing(value.input),
        inputFrom: textOrNothing(value.inputFrom),
      });
    case "set":
      return { type, values: value.values };
    case "fail":
      return compact<Extract<StepKind, { type: "fail" }>>({
        type,
        reason: value.reason,
        message: textOrNothing(value.message),
      });
    default:
      return unreachable(type);
  }
}

function fromRetry(retry: RetryMessage): RetryPolicy {
  return compact<RetryPolicy>({
    maxAttempts: numberOrNothing(retry.maxAttempts),
    initialDelayMs: exactMs(retry.initialDelay),
    multiplier: numberOrNothing(retry.multiplier),
    maxDelayMs: exactMs(retry.maxDelay),
    retryIf: textOrNothing(retry.retryIf),
  });
}

function fromTimeouts(timeouts: TimeoutsMessage): Timeouts {
  return compact<Timeouts>({
    queuedMs: exactMs(timeouts.queued),
    attemptMs: exactMs(timeouts.attempt),
    totalMs: exactMs(timeouts.total),
    heartbeatMs: exactMs(timeouts.heartbeat),
  });
}

/** The message of a template: equal to the one that `fromTemplate` read. */
export function toTemplate(template: Template): WorkflowTemplate {
  const { timeoutMs, defaults, vars = {}, main, ...same } = template;
  return create(WorkflowTemplateSchema, {
    ...same,
    vars: mapValues(vars, (value) => fromJson(ValueSchema, value as JsonValue)),
    main: toBlock(main),
    ...(timeoutMs !== undefined && { timeout: durationFromMs(timeoutMs) }),
    ...(defaults && {
      defaults: {
        ...(defaults.retry && { retry: toRetry(defaults.retry) }),
        ...(defaults.timeouts && { timeouts: toTimeouts(defaults.timeouts) }),
      },
    }),
  });
}

function toBlock({ mode, steps, output }: Block): Init<typeof BlockSchema> {
  return {
    mode: mode === undefined ? BlockMode.UNSPECIFIED : numbered(MODES, mode),
    steps: steps.map(toStep),
    ...(output && { output }),
  };
}

function toStep(step: Step): Init<typeof StepSchema> {
  const { needs, retry, timeouts, onError, fallback, kind, ...same } = step;
  return {
    ...same,
    ...(needs && { needs: [...needs] }),
    ...(retry && { retry: toRetry(retry) }),
    ...(timeouts && { timeouts: toTimeouts(timeouts) }),
    onError: onError === undefined ? OnError.UNSPECIFIED : numbered(ON_ERROR, onError),
    ...(fallback && { fallback: toBlock(fallback) }),
    ...(kind && { kind: toKind(kind) }),
  };
}

function toKind(kind: StepKind): NonNullable<Init<typeof StepSchema>["kind"]> {
  switch (kind.type) {
    case "task": {
      const { type, literal, ...same } = kind;
      return { case: type, value: { ...same, ...(literal && { literal: literal as JsonObject }) } };
    }
    case "set":
      return { case: kind.type, value: { values: kind.values } };
    case "fail": {
      const { type, ...value } = kind;
      return { case: type, value };
    }
    default:
      return unreachable(kind);
  }
}

function toRetry({ initialDelayMs, maxDelayMs, ...same }: RetryPolicy) {
  return {
    ...same,
    ...(initialDelayMs !== undefined && { initialDelay: durationFromMs(initialDelayMs) }),
    ...(maxDelayMs !== undefined && { maxDelay: durationFromMs(maxDelayMs) }),
  };
}

function toTimeouts({ queuedMs, attemptMs, totalMs, heartbeatMs }: Timeouts) {
  return {
    ...(queuedMs !== undefined && { queued: durationFromMs(queuedMs) }),
    ...(attemptMs !== undefined && { attempt: durationFromMs(attemptMs) }),
    ...(totalMs !== undefined && { total: durationFromMs(totalMs) }),
    ...(heartbeatMs !== undefined && { heartbeat: durationFromMs(heartbeatMs) }),
  };
}

const MODES = { sequence: BlockMode.SEQUENCE, graph: BlockMode.GRAPH } as const;
const ON_ERROR = { fail: OnError.FAIL, continue: OnError.CONTINUE } as const;

function numbered<N extends string, V>(names: Readonly<Record<N, V>>, name: N): V {
  return names[name];
}

/** Binary messages can hold any number. */
function named<N extends string>(
  names: Readonly<Record<N, number>>,
  value: number,
  field: string,
): N {
  const name = (Object.keys(names) as N[]).find((one) => names[one] === value);
  if (name !== undefined) return name;
  const message = `${field} has no value ${value}`;
  throw new Refused({ code: "invalid_field", pointer: "/source/template", message });
}

/** Fractions stay, so that the check of the template can refuse them. */
function exactMs(duration: Duration | undefined): number | undefined {
  return duration && Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
}

/** A value that is not stated is null; a number that JSON lacks stays, for the check to refuse. */
function fromValue({ kind }: Value): Json {
  switch (kind.case) {
    case undefined:
    case "nullValue":
      return null;
    case "structValue":
      return mapValues(kind.value.fields, fromValue);
    case "listValue":
      return kind.value.values.map(fromValue);
    default:
      return kind.value;
  }
}

function mapValues<A, B>(
  map: Readonly<Record<string, A>>,
  change: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

function numberOrNothing(value: number): number | undefined {
  return value === 0 ? undefined : value;
}

function mapOrNothing<T extends object>(map: T): T | undefined {
  return Object.keys(map).length === 0 ? undefined : map;
}

/** Every field of T, stated or not. */
type Fields<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K];
};

/** The fields that are stated. */
function compact<T extends object>(fields: Fields<T>): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
