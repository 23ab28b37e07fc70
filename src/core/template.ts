import { blockCost, type Checking, checkBlock } from "./blocks/block.ts";
import { checkWritten, type Place } from "./blocks/references.ts";
import { checkDuration, checkInteger, checkRetry, checkTimeouts } from "./blocks/settings.ts";
import { expression, fieldExpressions } from "./blocks/written.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { Limits } from "./limits.ts";
import { planTemplate } from "./plan-template.ts";
import {
  below,
  byteLength,
  checkConstant,
  checkFieldNames,
  checkPlainText,
  createFindings,
  type Findings,
} from "./template-findings.ts";
import type { Plan } from "./template-plan.ts";
import type { Block, Bounds, Template } from "./template-types.ts";
import { isVersion } from "./version.ts";

const TEMPLATE_ID = /^[a-zA-Z0-9][a-zA-Z0-9._:-]{0,127}$/;
const MAX_VARS_BYTES = 64 * 1024;
const MAX_VARS_LEVELS = 28;
const MAX_LABELS = 32;
const MAX_LEVELS = 500;

/** What the check of a template found. */
export interface CheckedTemplate {
  /** At most 100, in template order. */
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when there are errors, like the plan. */
  readonly bounds?: Bounds;
  readonly plan?: Plan;
}

/**
 * Checks a whole template. Pointers are in the names of the contract, with `if`
 * for a step's condition. A template that is far too large is not looked at any
 * closer: then the limits are all that is reported.
 */
export function checkTemplate(template: Template, limits: Limits): CheckedTemplate {
  const findings = createFindings();
  const { diagnostics } = findings;
  checkSize(template, limits, findings);
  if (diagnostics.length > 0) return { diagnostics };
  checkHead(template, findings);
  checkContent(template, limits, findings);
  checkSettings(template, limits, findings);
  if (diagnostics.length > 0) return { diagnostics };
  const plan = planTemplate(template);
  return { diagnostics, bounds: boundsOf(plan, template.timeoutMs), plan };
}

/** Whether something is nested so deeply that it must not be walked recursively. */
export function isTooDeep(value: unknown, levels: number = MAX_LEVELS): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isTooDeep(inner, levels - 1));
}

function checkSize(template: Template, limits: Limits, findings: Findings): void {
  if (isTooDeep(template)) {
    findings.error("LIMIT_EXCEEDED", "", "The template is nested too deeply.");
    return;
  }
  const bytes = byteLength(JSON.stringify(template));
  if (bytes > limits.template_canonical_bytes) {
    const message = `The template is larger than ${limits.template_canonical_bytes} bytes.`;
    findings.error("LIMIT_EXCEEDED", "", message);
  }
  const { steps, depth, fields: inside } = measure(template.main);
  if (steps > limits.template_steps) {
    const message = `${steps} steps are more than ${limits.template_steps}.`;
    findings.error("LIMIT_EXCEEDED", "/main", message);
  }
  const fields = inside + countFields(template.output);
  if (fields > limits.template_fields) {
    const message = `${fields} fields of inputs, values and outputs are more than ${limits.template_fields}.`;
    findings.error("LIMIT_EXCEEDED", "", message);
  }
  if (depth > limits.template_depth) {
    const message = `${depth} nested blocks are more than ${limits.template_depth}.`;
    findings.error("LIMIT_EXCEEDED", "/main", message);
  }
}

interface Size {
  readonly steps: number;
  readonly depth: number;
  /** Fields with an expression each. */
  readonly fields: number;
}

function measure(block: Block): Size {
  let { steps, depth, fields } = {
    steps: block.steps.length,
    depth: 0,
    fields: countFields(block.output),
  };
  for (const { kind, fallback } of block.steps) {
    if (kind?.type === "task") fields += countFields(kind.input);
    if (kind?.type === "set") fields += countFields(kind.values);
    if (fallback === undefined) continue;
    const inside = measure(fallback);
    steps += inside.steps;
    fields += inside.fields;
    depth = Math.max(depth, inside.depth);
  }
  return { steps, depth: depth + 1, fields };
}

function countFields(fields: Readonly<Record<string, unknown>> = {}): number {
  return Object.keys(fields).length;
}

function checkHead(template: Template, findings: Findings): void {
  const { templateId, version, title, description, labels = {}, vars } = template;
  if (!TEMPLATE_ID.test(templateId)) {
    const message =
      "A template's id is 1 to 128 letters, digits or . _ : -, and begins with a letter or digit.";
    findings.error("ID_INVALID", "/template_id", message);
  }
  if (!isVersion(version)) {
    findings.error("VERSION_INVALID", "/version", "A version is a semantic one, like 1.2.3.");
  }
  checkPlainText(title, 256, "/title", findings);
  checkPlainText(description, 4096, "/description", findings);
  if (Object.keys(labels).length > MAX_LABELS) {
    findings.error("LIMIT_EXCEEDED", "/labels", `There are more than ${MAX_LABELS} labels.`);
  }
  checkFieldNames(labels, "/labels", findings);
  for (const [key, value] of Object.entries(labels)) {
    checkPlainText(value, 128, below("/labels", key), findings);
  }
  if (vars === undefined) return;
  checkConstant(vars, MAX_VARS_LEVELS, "/vars", findings);
  if (byteLength(JSON.stringify(vars)) > MAX_VARS_BYTES) {
    findings.error("LIMIT_EXCEEDED", "/vars", `They are larger than ${MAX_VARS_BYTES} bytes.`);
  }
}

function checkContent(template: Template, limits: Limits, findings: Findings): void {
  const { main, output, defaults } = template;
  const ids = new Map<string, string>();
  collectIds(main, "/main", ids);
  const outside: Place = { scope: "main", readable: new Map(), tested: new Set() };
  const checking: Checking = { limits, findings, defaults, ids, dependencies: 0 };
  checkBlock(main, "/main", { ...outside, depth: 1 }, checking);
  if (checking.dependencies > limits.template_dependencies) {
    const message = `${checking.dependencies} dependencies are more than ${limits.template_dependencies}.`;
    findings.error("LIMIT_EXCEEDED", "/main", message);
  }
  const end: Place = { ...outside, readable: new Map(main.steps.map((step) => [step.id, step])) };
  checkFieldNames(output, "/output", findings);
  for (const written of fieldExpressions(output, "/output")) {
    checkWritten(written, end, ids, findings);
  }
  const always = expression(defaults?.retry?.retryIf, "/defaults/retry/retry_if", "retry_if");
  for (const written of always) checkWritten(written, outside, ids, findings);
}

function collectIds(block: Block, pointer: string, ids: Map<string, string>): void {
  for (const [index, { id, fallback }] of block.steps.entries()) {
    const at = below(`${pointer}/steps`, index);
    if (!ids.has(id)) ids.set(id, at);
    if (fallback !== undefined) collectIds(fallback, `${at}/fallback`, ids);
  }
}

function checkSettings(template: Template, limits: Limits, findings: Findings): void {
  const { timeoutMs, defaults, priority } = template;
  checkDuration(timeoutMs, 1, limits.run_timeout_ms, "/timeout", findings);
  checkRetry(defaults?.retry, "/defaults/retry", limits, findings);
  checkTimeouts(defaults?.timeouts, undefined, "/defaults/timeouts", limits, findings);
  checkInteger(priority, 1, 9, "/priority", findings);
}

function boundsOf(plan: Plan, timeoutMs: number = Number.POSITIVE_INFINITY): Bounds {
  const { tasks, attempts, timeMs } = blockCost(plan.main, plan);
  // Only the run's timeout bounds a task that may wait for ever.
  return {
    tasks,
    attempts,
    ...(timeMs === Number.POSITIVE_INFINITY ? {} : { timeMs: Math.min(timeMs, timeoutMs) }),
  };
}
