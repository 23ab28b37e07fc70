import type { Json } from "../../src/core/json.ts";
import { planTemplate } from "../../src/core/plan-template.ts";
import type { NewRun, Run, RunCommand, RunDecision, RunEvent } from "../../src/core/run.ts";
import { decideRun } from "../../src/core/run-decide.ts";
import { foldRun } from "../../src/core/run-fold.ts";
import { outputsNeeded } from "../../src/core/run-needs.ts";
import type { NewTask } from "../../src/core/task.ts";
import type { Plan } from "../../src/core/template-plan.ts";
import type { Block, Failure, Step, StepKind, Template } from "../../src/core/template-types.ts";

export const NOW_MS = Date.UTC(2026, 0, 1);
export const TIMEOUT_MS = 60_000;
export const TASK: StepKind = { type: "task", agent: { capability: "c@^2" } };
export const FLAKY: Failure = { reason: "FLAKY", message: "again", details: { n: 1 } };

export function newRun(change: Partial<NewRun> = {}): NewRun {
  return {
    runId: "r1",
    templateId: "report",
    templateVersion: "1.0.0",
    templateDigest: "d",
    labels: { team: "b" },
    priority: 4,
    actor: "user:eve",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    deadlineMs: NOW_MS + TIMEOUT_MS,
    ...change,
  };
}

export function task(id: string, rest: Partial<Step> = {}, kind: Partial<StepKind> = {}): Step {
  return { id, kind: { ...TASK, ...kind } as StepKind, ...rest };
}

export function set(id: string, value: string, rest: Partial<Step> = {}): Step {
  return { id, kind: { type: "set", values: { v: value } }, ...rest };
}

export function fails(id: string, rest: Partial<Step> = {}): Step {
  return { id, kind: { type: "fail", reason: "BAD_INPUT", message: "no" }, ...rest };
}

export function sequence(steps: readonly Step[], rest: Partial<Block> = {}): Block {
  return { steps, ...rest };
}

export function graph(steps: readonly Step[], rest: Partial<Block> = {}): Block {
  return { mode: "graph", steps, ...rest };
}

/** A run as the engine keeps it: state, outputs and events, moved by commands. */
export interface Rig {
  readonly plan: Plan;
  readonly run: Run;
  readonly events: readonly RunEvent[];
  readonly decisions: readonly RunDecision[];
  readonly outputs: ReadonlyMap<string, Json>;
  /** Tasks by step path. */
  readonly tasks: ReadonlyMap<string, NewTask>;
  nowMs: number;
  send(command: RunCommand): RunDecision;
  succeed(stepPath: string, output?: Json): RunDecision;
  fail(stepPath: string, failure?: Failure): RunDecision;
  /** The task was cancelled. */
  drop(stepPath: string): RunDecision;
  cancel(graceMs?: number): RunDecision;
  /** The run's own timeout passed. */
  expire(): RunDecision;
  /** State of every step that is not pending. */
  states(): Readonly<Record<string, string>>;
}

/** Nothing is read that the engine would not have loaded: an output that is not needed throws. */
export function createRig(
  main: Block,
  rest: Partial<Template> = {},
  given: Partial<NewRun> = {},
): Rig {
  const plan = planTemplate({ templateId: "report", version: "1.0.0", main, ...rest });
  const start = newRun(given);
  const events: RunEvent[] = [];
  const decisions: RunDecision[] = [];
  const outputs = new Map<string, Json>();
  const tasks = new Map<string, NewTask>();
  let run: Run | undefined;
  let ids = 0;

  function present(): Run {
    if (run === undefined) throw new Error("not started");
    return run;
  }

  const ended = (stepPath: string, state: "succeeded" | "failed" | "cancelled") => ({
    type: "task_ended" as const,
    stepPath,
    taskId: tasks.get(stepPath)?.taskId ?? "",
    state,
    attempt: 2,
    agentId: "a1",
  });

  const rig: Rig = {
    plan,
    events,
    decisions,
    outputs,
    tasks,
    nowMs: NOW_MS,
    get run() {
      return present();
    },
    send(command) {
      const needed = new Set(run === undefined ? [] : outputsNeeded(run, plan, command));
      const before = run;
      const decision = decideRun(run, plan, command, {
        nowMs: rig.nowMs,
        input: start.input,
        outputOf: (path) => (needed.has(path) ? outputs.get(path) : undefined),
        newTaskId: () => `0193-${(++ids).toString(16).padStart(16, "0")}`,
      });
      if (decision.events.length > 0) run = foldRun(before, decision.events, rig.nowMs);
      decisions.push(decision);
      for (const event of decision.events) {
        events.push(event);
        if (event.type === "task_queued") tasks.set(event.stepPath, event.task);
        if (event.type === "step_ended" && event.output !== undefined) {
          outputs.set(event.stepPath, event.output);
        }
      }
      return decision;
    },
    succeed: (stepPath, output) =>
      rig.send({
        ...ended(stepPath, "succeeded"),
        ...(output !== undefined && { output }),
      }),
    fail: (stepPath, failure = FLAKY) => rig.send({ ...ended(stepPath, "failed"), failure }),
    drop: (stepPath) => rig.send(ended(stepPath, "cancelled")),
    cancel: (graceMs = 5_000) => rig.send({ type: "cancel", reason: "not needed", graceMs }),
    expire() {
      rig.nowMs = present().deadlineMs;
      return rig.send({ type: "deadline" });
    },
    states: () =>
      Object.fromEntries(Object.entries(present().steps).map(([path, { state }]) => [path, state])),
  };
  rig.send({ type: "start", run: start });
  return rig;
}

/** The output the run ended with. */
export function outputOf({ events }: Rig): Json | undefined {
  const last = events.at(-1);
  return last?.type === "succeeded" ? last.output : undefined;
}
