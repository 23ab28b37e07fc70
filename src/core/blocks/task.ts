import {
  checkConstant,
  checkFieldNames,
  checkPlainText,
  type Findings,
} from "../template-findings.ts";
import type { StepPlan } from "../template-plan.ts";
import type { AgentSelector, StepKind } from "../template-types.ts";
import { isRange, parseCapability } from "../version.ts";
import type { Cost } from "./cost.ts";
import { expression, fieldExpressions, type Written } from "./written.ts";

type TaskKind = Extract<StepKind, { type: "task" }>;

const CAPABILITY_NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;
const MAX_CAPABILITY = 256;

/** The expressions of a task, in template order. */
export function taskExpressions(task: TaskKind, pointer: string): readonly Written[] {
  return [
    ...expression(task.agent.where, `${pointer}/agent/where`, "where"),
    ...fieldExpressions(task.input, `${pointer}/input`),
    ...expression(task.inputFrom, `${pointer}/input_from`),
  ];
}

/** Everything about a task that its expressions do not tell. `levels` bounds the constants. */
export function checkTask(
  task: TaskKind,
  pointer: string,
  levels: number,
  findings: Findings,
): void {
  checkSelector(task.agent, `${pointer}/agent`, findings);
  if (task.literal !== undefined) {
    checkConstant(task.literal, levels, `${pointer}/literal`, findings);
  }
  checkFieldNames(task.input, `${pointer}/input`, findings);
  if (task.inputFrom !== undefined && (task.literal ?? task.input) !== undefined) {
    findings.error(
      "FIELD_CONFLICT",
      `${pointer}/input_from`,
      "`input_from` gives the whole input: `literal` and `input` cannot stand beside it.",
    );
  }
}

function checkSelector(agent: AgentSelector, pointer: string, findings: Findings): void {
  const { capability, where, agentId } = agent;
  if ((capability ?? where ?? agentId) === undefined) {
    findings.error(
      "SELECTOR_EMPTY",
      pointer,
      "Say which agents may do it: `capability`, `where` or `agent_id`.",
    );
  }
  if (capability !== undefined && !isCapability(capability)) {
    findings.error(
      "CAPABILITY_INVALID",
      `${pointer}/capability`,
      "A capability is a lower-case name, optionally with @ and a version range, like code@^2.",
    );
  }
  checkPlainText(agentId, 128, `${pointer}/agent_id`, findings);
}

function isCapability(text: string): boolean {
  const { name, range } = parseCapability(text);
  return text.length <= MAX_CAPABILITY && CAPABILITY_NAME.test(name) && isRange(range);
}

/**
 * What one task can come to: all its attempts, each after the longest wait and
 * the longest delay, unless `total` ends it before.
 */
export function taskCost({ retry, timeouts }: StepPlan): Cost {
  const { queuedMs = Number.POSITIVE_INFINITY, attemptMs } = timeouts;
  let timeMs = retry.maxAttempts * (queuedMs + attemptMs);
  let delayMs = retry.initialDelayMs;
  for (let retries = 1; retries < retry.maxAttempts; retries++) {
    timeMs += Math.min(delayMs, retry.maxDelayMs);
    delayMs *= retry.multiplier;
  }
  return {
    tasks: 1,
    attempts: retry.maxAttempts,
    timeMs: Math.min(timeMs, timeouts.totalMs ?? Number.POSITIVE_INFINITY),
  };
}
