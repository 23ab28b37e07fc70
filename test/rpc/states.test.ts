import type { DescEnum } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  AgentEntryKindSchema,
  AgentState,
  AgentStateSchema,
  LivenessSchema,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LogEntryKindSchema } from "../../gen/opscore/v1/logging_pb.ts";
import { DispositionSchema, TaskStateSchema } from "../../gen/opscore/v1/task_pb.ts";
import { RunStateSchema, StepStateSchema } from "../../gen/opscore/v1/workflow_pb.ts";
import { isRefused } from "../../src/core/errors.ts";
import { AGENT_ENTRY_KINDS } from "../../src/rpc/convert-agent.ts";
import {
  AGENT_STATES,
  DISPOSITIONS,
  fromAgentState,
  LIVENESS,
  LOG_KINDS,
  RUN_STATES,
  STEP_STATES,
  TASK_STATES,
} from "../../src/rpc/states.ts";

const TABLES: readonly (readonly [string, DescEnum, Readonly<Record<string, number>>])[] = [
  ["agent states", AgentStateSchema, AGENT_STATES],
  ["liveness", LivenessSchema, LIVENESS],
  ["run states", RunStateSchema, RUN_STATES],
  ["step states", StepStateSchema, STEP_STATES],
  ["task states", TaskStateSchema, TASK_STATES],
  ["dispositions", DispositionSchema, DISPOSITIONS],
  ["log kinds", LogEntryKindSchema, LOG_KINDS],
  ["agent entry kinds", AgentEntryKindSchema, AGENT_ENTRY_KINDS],
];

describe.each(TABLES)("%s", (_, { values }, table) => {
  test("are named alike in the core and in the contract, and none is left out", () => {
    const named = values.filter(({ number }) => number !== 0 || "unspecified" in table);
    const contract = named.map(({ localName, number }) => [localName.toLowerCase(), number]);
    expect(table).toEqual(Object.fromEntries(contract));
  });
});

describe("what an agent reports", () => {
  test.each(Object.entries(AGENT_STATES))("%s is understood", (name, state) => {
    const expected = state === AgentState.UNSPECIFIED ? undefined : name;
    expect(fromAgentState(state, "/state")).toBe(expected);
  });

  test("a number without a meaning is refused", () => {
    let refusal: unknown;
    try {
      fromAgentState(99 as AgentState, "/report/state");
    } catch (error) {
      refusal = error;
    }
    expect(isRefused(refusal, "invalid_field")).toBe(true);
  });
});
