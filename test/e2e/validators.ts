import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { expect } from "vitest";
import { type AgentEntry, AgentEntrySchema } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { type LogEntry, LogEntrySchema } from "../../gen/opscore/v1/logging_pb.ts";
import { type RunEntry, RunEntrySchema, RunState } from "../../gen/opscore/v1/workflow_pb.ts";
import type { OpsClient } from "../../src/client/index.ts";

/** The journals as they are read afterwards. */
export interface Journals {
  readonly runs: readonly RunEntry[];
  readonly agents: readonly AgentEntry[];
  readonly logs: readonly LogEntry[];
}

const PAGE = 1_000;

export async function readJournals({ workflow, lifecycle, logging }: OpsClient): Promise<Journals> {
  const pageSize = PAGE;
  return {
    runs: await readAll((after) => workflow.listRunEntries({ after, pageSize })),
    agents: await readAll((after) => lifecycle.listAgentEntries({ after, pageSize })),
    // Without a cursor, a list of log entries begins now.
    logs: await searchAll(logging),
  };
}

async function searchAll({ searchLogs }: OpsClient["logging"]): Promise<readonly LogEntry[]> {
  const all: LogEntry[] = [];
  for (let pageToken = ""; ; ) {
    const page = await searchLogs({ oldestFirst: true, pageSize: PAGE, pageToken });
    all.push(...page.entries);
    if (page.nextPageToken === "") return all;
    pageToken = page.nextPageToken;
  }
}

export async function readAll<E>(
  list: (after: string) => Promise<{ readonly entries: readonly E[]; readonly next: string }>,
): Promise<readonly E[]> {
  const all: E[] = [];
  for (let after = ""; ; ) {
    const { entries, next } = await list(after);
    if (entries.length === 0) return all;
    all.push(...entries);
    after = next;
  }
}

interface Positioned {
  readonly position: bigint;
}

/** A whole journal: every position once, in order, from 1. */
export function expectDense(entries: readonly Positioned[]): void {
  expect(entries.map(({ position }) => Number(position))).toEqual(entries.map((_, i) => i + 1));
}

/** Of each thing every sequence once, in order, from 1. */
export function expectSequences<E extends { readonly sequence: number }>(
  entries: readonly E[],
  idOf: (entry: E) => string,
): void {
  for (const [id, own] of Map.groupBy(entries, idOf)) {
    const sequences = own.map(({ sequence }) => sequence);
    expect([id, sequences]).toEqual([id, sequences.map((_, i) => i + 1)]);
  }
}

export function expectOrdered(journals: Journals): void {
  expectDense(journals.runs);
  expectDense(journals.agents);
  expectDense(journals.logs);
  expectSequences(journals.runs, runOrTemplate);
  expectSequences(journals.agents, ({ agentId }) => agentId);
}

/** What watchers saw, each all its streams after each other, is what the journal holds: word for word. */
export function expectSame(seen: Partial<Journals>, kept: Journals): void {
  if (seen.runs)
    expect(textsOf(RunEntrySchema, seen.runs)).toEqual(textsOf(RunEntrySchema, kept.runs));
  if (seen.agents)
    expect(textsOf(AgentEntrySchema, seen.agents)).toEqual(textsOf(AgentEntrySchema, kept.agents));
  if (seen.logs)
    expect(textsOf(LogEntrySchema, seen.logs)).toEqual(textsOf(LogEntrySchema, kept.logs));
}

function textsOf<D extends DescMessage>(schema: D, entries: readonly MessageShape<D>[]) {
  return entries.map((entry) => JSON.stringify(toJson(schema, entry)));
}

const ENDS: ReadonlySet<RunState> = new Set([
  RunState.SUCCEEDED,
  RunState.FAILED,
  RunState.CANCELLED,
]);

/** Every run ended, and ended once: nothing but late reports comes after. */
export function expectEnded(entries: readonly RunEntry[]): void {
  const runs = Map.groupBy(
    entries.filter(({ runId }) => runId !== ""),
    ({ runId }) => runId,
  );
  for (const [runId, own] of runs) {
    const ends = own.filter(({ body }) => body.case === "run" && ENDS.has(body.value.toState));
    expect([runId, ends.length]).toEqual([runId, 1]);
  }
}

function runOrTemplate({ runId, body }: RunEntry): string {
  return body.case === "template" ? `template ${body.value.templateId}` : `run ${runId}`;
}
