// Flags become clauses of the API's one filter language.

/** All clauses together; what is undefined or empty says nothing. */
export function allOf(...clauses: readonly (string | undefined)[]): string {
  const said = clauses.filter((clause) => clause !== undefined && clause.trim() !== "");
  return said.length === 1 ? String(said[0]) : said.map((clause) => `(${clause})`).join(" && ");
}

/** The field has one of the values; none is no clause. */
export function oneOf(field: string, values: readonly string[]): string | undefined {
  if (values.length === 0) return undefined;
  return values.map((value) => `${field} == ${JSON.stringify(value)}`).join(" || ");
}

export function equals(field: string, value: string | undefined): string | undefined {
  return value === undefined ? undefined : `${field} == ${JSON.stringify(value)}`;
}

/** Every label is there with its value. */
export function labeled(
  labels: readonly (readonly [key: string, value: string])[],
): string | undefined {
  return allOf(
    ...labels.map(([key, value]) => `labels[${JSON.stringify(key)}] == ${JSON.stringify(value)}`),
  );
}

/** From `sinceMs` on, and before `untilMs`. */
export function between(
  field: string,
  sinceMs: number | undefined,
  untilMs: number | undefined,
): string | undefined {
  const at = (ms: number) => `timestamp(${JSON.stringify(new Date(ms).toISOString())})`;
  return allOf(
    sinceMs === undefined ? undefined : `${field} >= ${at(sinceMs)}`,
    untilMs === undefined ? undefined : `${field} < ${at(untilMs)}`,
  );
}
