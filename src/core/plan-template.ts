import { readingOf } from "./blocks/references.ts";
import { retrySettings, timeoutSettings } from "./blocks/settings.ts";
import { stepExpressions } from "./blocks/step.ts";
import { fieldExpressions, type Written } from "./blocks/written.ts";
import { lookup } from "./lookup.ts";
import { below } from "./template-findings.ts";
import type { BlockPlan, Plan, StepPlan } from "./template-plan.ts";
import type { Scope } from "./template-scope.ts";
import type { Block, Step, Template } from "./template-types.ts";

/** What the plan of one template is built from. */
interface Planning {
  readonly template: Template;
  readonly paths: ReadonlyMap<string, string>;
  readonly blocks: Map<string, BlockPlan>;
  readonly steps: Map<string, StepPlan>;
}

/** Where a block stands. */
type Place = Pick<BlockPlan, "path" | "owner" | "pointer" | "scope">;

/**
 * Prepares a template for running. Total for every template that was checked
 * without errors; throws an Error for others.
 */
export function planTemplate(template: Template): Plan {
  const paths = new Map(stepPaths(template.main, ""));
  const planning: Planning = { template, paths, blocks: new Map(), steps: new Map() };
  const main = planBlock(template.main, { path: "", pointer: "/main", scope: "main" }, planning);
  const { output } = template;
  return {
    main,
    vars: template.vars ?? {},
    blocks: planning.blocks,
    steps: planning.steps,
    paths,
    ...(output && { output }),
    outputReads: [...readPaths(fieldExpressions(output, "/output"), "main", planning)],
  };
}

function stepPaths(block: Block, path: string): readonly (readonly [string, string])[] {
  return block.steps.flatMap(({ id, fallback }) => [
    [id, path + id] as const,
    ...(fallback === undefined ? [] : stepPaths(fallback, fallbackPath(path + id))),
  ]);
}

function fallbackPath(stepPath: string): string {
  return `${stepPath}/`;
}

function planBlock(block: Block, place: Place, planning: Planning): BlockPlan {
  const { mode = "sequence", output } = block;
  const siblings = block.steps.map((step) => place.path + step.id);
  const steps = block.steps.map((step, index) => {
    const pointer = below(`${place.pointer}/steps`, index);
    const { reads, ...planned } = planStep(step, pointer, place, planning);
    const waitsFor = new Set([...(step.needs ?? []).map((id) => place.path + id), ...reads]);
    const before = siblings.slice(Math.max(0, index - 1), index);
    const after = mode === "graph" ? siblings.filter((path) => waitsFor.has(path)) : before;
    const plan: StepPlan = { ...planned, reads: [...reads], after };
    planning.steps.set(plan.path, plan);
    return plan;
  });
  const outputs = fieldExpressions(output, `${place.pointer}/output`);
  const outputReads = [...readPaths(outputs, place.scope, planning)];
  const plan: BlockPlan = { ...place, mode, steps, ...(output && { output }), outputReads };
  planning.blocks.set(plan.path, plan);
  return plan;
}

function planStep(
  step: Step,
  pointer: string,
  block: Place,
  planning: Planning,
): Omit<StepPlan, "after" | "reads"> & { readonly reads: ReadonlySet<string> } {
  const { id, kind, condition, retry, timeouts, priority, onError = "fail" } = step;
  const { defaults } = planning.template;
  if (kind === undefined) throw new Error(`step ${id} does nothing`);
  const path = block.path + id;
  const own = readPaths(stepExpressions(step, pointer), block.scope, planning);
  const fallback = step.fallback && planFallback(step.fallback, path, pointer, planning);
  return {
    path,
    id,
    pointer,
    block: block.path,
    kind,
    ...(condition !== undefined && { condition }),
    reads: fallback === undefined ? own : new Set([...own, ...readsInside(fallback)]),
    retry: retrySettings(retry, defaults),
    timeouts: timeoutSettings(timeouts, defaults),
    ...(priority !== undefined && { priority }),
    onError,
    ...(fallback && { fallback: fallback.path }),
  };
}

function planFallback(block: Block, owner: string, pointer: string, planning: Planning): BlockPlan {
  const place: Place = {
    path: fallbackPath(owner),
    owner,
    pointer: `${pointer}/fallback`,
    scope: "fallback",
  };
  return planBlock(block, place, planning);
}

function readsInside(block: BlockPlan): ReadonlySet<string> {
  return new Set([...block.steps.flatMap((step) => step.reads), ...block.outputReads]);
}

/** The paths of the steps that some expressions read. */
function readPaths(
  written: readonly Written[],
  scope: Scope,
  { paths }: Planning,
): ReadonlySet<string> {
  const ids = written.flatMap((one) => readingOf(one, scope));
  return new Set(ids.map((id) => lookup(paths, id)));
}
