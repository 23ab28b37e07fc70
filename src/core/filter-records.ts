import type { AgentView } from "./agent.ts";
import type { FieldRef } from "./filter.ts";
import type { LogRow } from "./log.ts";
import type { RunView } from "./run.ts";
import type { Task } from "./task.ts";

/** Reads the fields that filters name from a record; `undefined` is a field that is not there. */
export type FieldReader = (field: FieldRef) => unknown;

/** Reads by name; a map or a list of names is read by the key of the field. */
function readerOf(fields: Readonly<Record<string, unknown>>): FieldReader {
  return ({ name, key }) => {
    const value = own(fields, name);
    if (key === undefined) return value;
    if (Array.isArray(value)) return value.includes(key) ? key : undefined;
    return typeof value === "object" && value !== null ? own(value, key) : undefined;
  };
}

export interface AgentTimes {
  readonly createdMs?: number;
  readonly updatedMs?: number;
}

/** An agent, or an agent as it was before or after an entry. */
export function agentReader(agentId: string, view: AgentView, times: AgentTimes = {}): FieldReader {
  return readerOf({
    agent_id: agentId,
    state: view.state,
    liveness: view.liveness,
    version: view.version,
    labels: view.labels,
    capabilities: view.capabilities,
    create_time: times.createdMs,
    update_time: times.updatedMs,
  });
}

/** A run, or a run as it was before or after an entry. */
export function runReader(runId: string, view: RunView): FieldReader {
  return readerOf({
    run_id: runId,
    state: view.state,
    template_id: view.templateId,
    template_version: view.templateVersion,
    labels: view.labels,
    priority: view.priority,
    actor: view.actor,
    trace_id: view.traceId,
    "failure.reason": view.failureReason,
    create_time: view.createdAtMs,
    end_time: view.endedAtMs,
  });
}

/** A task. */
export function taskReader(task: Task): FieldReader {
  return readerOf({
    task_id: task.taskId,
    run_id: task.runId,
    step_path: task.stepPath,
    state: task.state,
    capability: task.capability,
    agent_id: task.agentId,
    attempt: task.attempt,
    "failure.reason": task.failure?.reason,
    create_time: task.createdAtMs,
  });
}

/** A log entry at a time of the store. */
export function logReader(row: LogRow, atMs: number): FieldReader {
  return readerOf({
    kind: row.kind,
    operation: row.operation,
    severity: row.severity,
    actor: row.actor,
    agent_id: row.agentId,
    run_id: row.runId,
    task_id: row.taskId,
    step_path: row.stepPath,
    trace_id: row.traceId,
    time: atMs,
    message: row.message,
    attributes: row.attributes,
  });
}

/** Whether a text holds another, whatever the case of its ASCII letters. */
export function holdsText(text: string, part: string): boolean {
  return foldAscii(text).includes(foldAscii(part));
}

function foldAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** What an entry says itself, before the record it is about: `kind`, `actor`, `time` and its like. */
export function entryReader(own: Readonly<Record<string, unknown>>, of: FieldReader): FieldReader {
  const reader = readerOf(own);
  return (field) => (Object.hasOwn(own, field.name) ? reader(field) : of(field));
}

function own(object: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(object, name)?.value;
}
