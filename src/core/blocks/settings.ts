import type { Limits } from "../limits.ts";
import type { Findings } from "../template-findings.ts";
import type { RetrySettings, TimeoutSettings } from "../template-plan.ts";
import type { RetryPolicy, StepDefaults, Timeouts } from "../template-types.ts";

const RETRY: RetrySettings = {
  maxAttempts: 5,
  initialDelayMs: 1_000,
  multiplier: 2,
  maxDelayMs: 300_000,
};
const ATTEMPT_MS = 300_000;

/** A step's retry policy: its own words, else the template's, else the contract's. */
export function retrySettings(own: RetryPolicy = {}, defaults: StepDefaults = {}): RetrySettings {
  return { ...RETRY, ...defaults.retry, ...own };
}

/** A step's time limits, likewise. An attempt nobody bounded is never longer than the whole. */
export function timeoutSettings(own: Timeouts = {}, defaults: StepDefaults = {}): TimeoutSettings {
  const stated = { ...defaults.timeouts, ...own };
  return { attemptMs: Math.min(ATTEMPT_MS, stated.totalMs ?? ATTEMPT_MS), ...stated };
}

/** The numbers of a retry policy. */
export function checkRetry(
  retry: RetryPolicy | undefined,
  pointer: string,
  limits: Limits,
  findings: Findings,
): void {
  if (retry === undefined) return;
  const { maxAttempts, initialDelayMs, multiplier, maxDelayMs } = retry;
  const longest = limits.retry_delay_ms;
  checkInteger(maxAttempts, 1, limits.attempts, `${pointer}/max_attempts`, findings);
  checkDuration(initialDelayMs, 0, longest, `${pointer}/initial_delay`, findings);
  if (multiplier !== undefined && !(multiplier >= 1 && multiplier <= 10)) {
    findings.error("VALUE_OUT_OF_RANGE", `${pointer}/multiplier`, "The value is from 1 to 10.");
  }
  checkDuration(maxDelayMs, 0, longest, `${pointer}/max_delay`, findings);
}

/** The time limits of a step. `own` is what stands at `pointer`, `defaults` what it adds to. */
export function checkTimeouts(
  own: Timeouts | undefined,
  defaults: StepDefaults | undefined,
  pointer: string,
  limits: Limits,
  findings: Findings,
): void {
  if (own === undefined) return;
  const longest = limits.run_timeout_ms;
  checkDuration(own.queuedMs, 1, longest, `${pointer}/queued`, findings);
  checkDuration(own.attemptMs, 1, limits.attempt_timeout_ms, `${pointer}/attempt`, findings);
  checkDuration(own.totalMs, 1, longest, `${pointer}/total`, findings);
  checkDuration(own.heartbeatMs, 1, longest, `${pointer}/heartbeat`, findings);
  const { attemptMs, totalMs = attemptMs } = timeoutSettings(own, defaults);
  if ((own.attemptMs ?? own.totalMs) !== undefined && attemptMs > totalMs) {
    findings.error(
      "ATTEMPT_OVER_TOTAL",
      `${pointer}/${own.attemptMs === undefined ? "total" : "attempt"}`,
      `One attempt (${attemptMs} ms) cannot take longer than all of them (${totalMs} ms).`,
    );
  }
}

/** A whole number from `min` to `max`. */
export function checkInteger(
  value: number | undefined,
  min: number,
  max: number,
  pointer: string,
  findings: Findings,
): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  findings.error(
    "VALUE_OUT_OF_RANGE",
    pointer,
    `The value is a whole number from ${min} to ${max}.`,
  );
}

/** A duration in whole milliseconds. */
export function checkDuration(
  valueMs: number | undefined,
  minMs: number,
  maxMs: number,
  pointer: string,
  findings: Findings,
): void {
  if (valueMs === undefined) return;
  if (Number.isInteger(valueMs) && valueMs >= minMs && valueMs <= maxMs) return;
  findings.error(
    "VALUE_OUT_OF_RANGE",
    pointer,
    `The duration is from ${minMs} ms to ${maxMs / 1000} s, in whole milliseconds.`,
  );
}
