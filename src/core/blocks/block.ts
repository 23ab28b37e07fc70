import type { Limits } from "../limits.ts";
import { lookup } from "../lookup.ts";
import { nearest } from "../nearest.ts";
import { below, checkFieldNames, type Findings } from "../template-findings.ts";
import type { BlockPlan, Plan, StepPlan } from "../template-plan.ts";
import type { Scope } from "../template-scope.ts";
import type { Block, Step, StepDefaults } from "../template-types.ts";
import { type Cost, FREE, plus } from "./cost.ts";
import { findCycle } from "./cycle.ts";
import { kindCost } from "./kind.ts";
import { checkWritten } from "./references.ts";
import { checkStepAlone, stepExpressions } from "./step.ts";
import { fieldExpressions } from "./written.ts";

/** What the check of one template carries around. */
export interface Checking {
  readonly limits: Limits;
  readonly findings: Findings;
  readonly defaults: StepDefaults | undefined;
  /** The pointer of every step, by id. */
  readonly ids: ReadonlyMap<string, string>;
  /** Edges found so far. */
  dependencies: number;
}

/** Where a block stands. */
export interface Surroundings {
  readonly scope: Scope;
  /** Blocks around it, itself included. */
  readonly depth: number;
  /** Steps outside that it can read, by id. */
  readonly readable: ReadonlyMap<string, Step>;
  /** Ids of the steps that conditions around it have tested. */
  readonly tested: ReadonlySet<string>;
}

/**
 * Reports what is wrong with a block and everything inside it.
 *
 * @returns the ids of all steps that its expressions read, inside or outside
 */
export function checkBlock(
  block: Block,
  pointer: string,
  around: Surroundings,
  checking: Checking,
): ReadonlySet<string> {
  const { findings, ids } = checking;
  if (block.steps.length === 0) {
    findings.error("STEPS_MISSING", pointer, "A block has at least one step.");
  }
  const readable = new Map(around.readable);
  if (block.mode === "graph") for (const step of block.steps) readable.set(step.id, step);
  const siblings = new Set(block.steps.map((step) => step.id));
  const reads = new Set<string>();
  const after = new Map<string, ReadonlySet<string>>();
  for (const [index, step] of block.steps.entries()) {
    if (findings.full()) return reads;
    const at = below(`${pointer}/steps`, index);
    readable.delete(step.id);
    checkNeeds(step, at, block, siblings, checking);
    const read = new Set(checkStep(step, at, { ...around, readable }, checking));
    readable.set(step.id, step);
    for (const id of read) reads.add(id);
    read.delete(step.id); // Reported as out of scope already.
    after.set(step.id, new Set([...(step.needs ?? []), ...read].filter((id) => siblings.has(id))));
  }
  checkDependencies(block, pointer, after, checking);
  checkFieldNames(block.output, `${pointer}/output`, findings);
  for (const written of fieldExpressions(block.output, `${pointer}/output`)) {
    if (findings.full()) return reads;
    const reading = checkWritten(written, { ...around, readable }, ids, findings);
    for (const id of reading.reads) reads.add(id);
  }
  return reads;
}

function checkStep(
  step: Step,
  pointer: string,
  around: Surroundings,
  checking: Checking,
): ReadonlySet<string> {
  const { findings, ids } = checking;
  const first = ids.get(step.id);
  if (first !== pointer) {
    findings.error("ID_DUPLICATE", `${pointer}/id`, `Step ${step.id} stands at ${first} already.`);
  }
  checkStepAlone(step, pointer, { ...checking, levels: constantLevels(around.depth) });
  const reads = new Set<string>();
  let tested = around.tested;
  for (const written of stepExpressions(step, pointer)) {
    if (findings.full()) return reads;
    const reading = checkWritten(written, { ...around, tested }, ids, findings);
    for (const id of reading.reads) reads.add(id);
    if (written.pointer === `${pointer}/if`) tested = new Set([...tested, ...reading.tests]);
  }
  if (step.fallback === undefined) return reads;
  const { readable, depth } = around;
  const inside: Surroundings = { scope: "fallback", depth: depth + 1, readable, tested };
  return new Set([...reads, ...checkBlock(step.fallback, `${pointer}/fallback`, inside, checking)]);
}

function checkNeeds(
  step: Step,
  pointer: string,
  block: Block,
  siblings: ReadonlySet<string>,
  { findings, ids }: Checking,
): void {
  if (step.needs === undefined || step.needs.length === 0) return;
  if (block.mode !== "graph") {
    const message = "`needs` is for graphs: in a sequence each step waits for the one before.";
    findings.error("NEEDS_IN_SEQUENCE", `${pointer}/needs`, message);
    return;
  }
  for (const [index, id] of step.needs.entries()) {
    if (siblings.has(id)) continue;
    const at = below(`${pointer}/needs`, index);
    if (ids.has(id)) {
      findings.error("REFERENCE_SCOPE", at, `Step ${id} is not in this block.`);
      continue;
    }
    const suggestion = nearest(id, siblings);
    findings.error("REFERENCE_UNKNOWN", at, `There is no step ${id}.`, { suggestion });
  }
}

function checkDependencies(
  block: Block,
  pointer: string,
  after: ReadonlyMap<string, ReadonlySet<string>>,
  checking: Checking,
): void {
  if (block.mode !== "graph") {
    checking.dependencies += Math.max(0, block.steps.length - 1);
    return;
  }
  for (const edges of after.values()) checking.dependencies += edges.size;
  const cycle = findCycle(after);
  if (cycle === undefined) return;
  const index = block.steps.findIndex((step) => step.id === cycle[0]);
  const message = `These steps wait for each other: ${cycle.join(" -> ")}.`;
  checking.findings.error("CYCLE", below(`${pointer}/steps`, index), message);
}

/**
 * How deep constants may be nested in a step. Decoders stop at 100 nested
 * messages: a block costs two of them, a level of constants three.
 */
function constantLevels(depth: number): number {
  return Math.floor((90 - 2 * depth) / 3);
}

/** What a block can come to: in a graph the time of its longest path. */
export function blockCost(block: BlockPlan, plan: Plan): Cost {
  const endsMs = new Map<string, number>();
  const costs = new Map(block.steps.map((step) => [step.path, stepCost(step, plan)]));
  const endMs = (step: StepPlan): number => {
    const known = endsMs.get(step.path);
    if (known !== undefined) return known;
    const startMs = Math.max(0, ...step.after.map((path) => endMs(lookup(plan.steps, path))));
    const ms = startMs + lookup(costs, step.path).timeMs;
    endsMs.set(step.path, ms);
    return ms;
  };
  const timeMs = Math.max(...block.steps.map(endMs));
  return { ...[...costs.values()].reduce(plus, FREE), timeMs };
}

function stepCost(step: StepPlan, plan: Plan): Cost {
  const own = kindCost(step);
  if (step.fallback === undefined) return own;
  return plus(own, blockCost(lookup(plan.blocks, step.fallback), plan));
}
