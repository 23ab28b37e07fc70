/** Severities as OpenTelemetry numbers them: a level is four of them. */
const LEVELS = { TRACE: 1, DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17, FATAL: 21 } as const;

export type Level = keyof typeof LEVELS;

export const LEVEL_NAMES = Object.keys(LEVELS) as [Level, ...Level[]];

/** The lowest severity of a level. */
export function severityOf(level: Level): number {
  return LEVELS[level];
}

/** `WARN` for 13, `WARN2` for 14: the names of OpenTelemetry. */
export function levelOf(severity: number): string {
  const level = LEVEL_NAMES.findLast((name) => LEVELS[name] <= severity);
  if (level === undefined) return "";
  const beyond = severity - LEVELS[level];
  return beyond === 0 ? level : `${level}${beyond + 1}`;
}
