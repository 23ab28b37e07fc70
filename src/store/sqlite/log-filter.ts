import type { CompareOp, FieldRef, Filter, FilterValue } from "../../core/filter.ts";
import type { Value } from "./database.ts";

/** A condition on a row of `log`: 1 or 0, never null. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly Value[];
}

type Type = "string" | "number" | "boolean";

/** Fields that a filter names, as columns or parts of the row's JSON. */
const FIELDS: Readonly<Record<string, { readonly sql: string; readonly type: Type }>> = {
  kind: { sql: "body ->> 'kind'", type: "string" },
  operation: { sql: "body ->> 'operation'", type: "string" },
  severity: { sql: "body ->> 'severity'", type: "number" },
  message: { sql: "body ->> 'message'", type: "string" },
  actor: { sql: "body ->> 'actor'", type: "string" },
  step_path: { sql: "body ->> 'stepPath'", type: "string" },
  agent_id: { sql: "agent_id", type: "string" },
  run_id: { sql: "run_id", type: "string" },
  task_id: { sql: "task_id", type: "string" },
  trace_id: { sql: "trace_id", type: "string" },
  time: { sql: "at_ms", type: "number" },
};

const ATTRIBUTES = "attributes";
const JSON_TYPES: Readonly<Record<Type, string>> = {
  string: "'text'",
  number: "'integer', 'real'",
  boolean: "'true', 'false'",
};

const OPERATORS: Readonly<Record<CompareOp, string>> = {
  "==": "=",
  "!=": "<>",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
};

/** The condition that holds for exactly the rows that `matchesFilter` matches. */
export function toCondition(filter: Filter): Condition {
  switch (filter.type) {
    case "and":
    case "or": {
      const items = filter.items.map(toCondition);
      const none = filter.type === "and" ? "1" : "0";
      const sql = items.map((item) => item.sql).join(` ${filter.type.toUpperCase()} `);
      return { sql: `(${sql || none})`, values: items.flatMap((item) => item.values) };
    }
    case "not": {
      const { sql, values } = toCondition(filter.item);
      return { sql: `NOT ${sql}`, values };
    }
    case "compare":
      return compare(filter.field, filter.op, filter.value);
    case "in": {
      const items = filter.values.map((value) => compare(filter.field, "==", value));
      const sql = items.map((item) => item.sql).join(" OR ");
      return { sql: `(${sql || "0"})`, values: items.flatMap((item) => item.values) };
    }
    case "has":
      return has(filter.field);
    case "starts_with": {
      const { sql, values } = typedValue(filter.field, "string");
      const length = [...filter.prefix].length;
      const starts = `coalesce(substr(${sql}, 1, ${length}) = ?, 0)`;
      return { sql: starts, values: [...values, filter.prefix] };
    }
  }
}

function compare(field: FieldRef, op: CompareOp, wanted: FilterValue): Condition {
  const type = typeof wanted as Type;
  const { sql, values } = typedValue(field, type);
  const value = typeof wanted === "boolean" ? Number(wanted) : wanted;
  // Bare equality on a column can use its index; where it is null it is not true either way.
  const indexed = op === "==" && sql === field.name;
  const compared = `${sql} ${OPERATORS[op]} ?`;
  const absent = op === "!=" ? 1 : 0;
  const whole = indexed
    ? `(${compared} AND ${sql} IS NOT NULL)`
    : `coalesce(${compared}, ${absent})`;
  return { sql: whole, values: [...values, value] };
}

/** The field if it is there with this type, else null. */
function typedValue({ name, key }: FieldRef, type: Type): Condition {
  if (key === undefined) {
    const field = FIELDS[name];
    return { sql: field?.type === type ? field.sql : "NULL", values: [] };
  }
  if (name !== ATTRIBUTES) return { sql: "NULL", values: [] };
  // Numbers as JavaScript has them: large integers lose their last digits.
  const value = type === "number" ? "CAST(value AS REAL)" : "value";
  const sql = `(SELECT ${value} FROM json_each(body, '$.attributes')
    WHERE key = ? AND type IN (${JSON_TYPES[type]}))`;
  return { sql, values: [key] };
}

function has({ name, key }: FieldRef): Condition {
  if (name !== ATTRIBUTES) {
    const sql = key === undefined ? (FIELDS[name]?.sql ?? "NULL") : "NULL";
    return { sql: `(${sql} IS NOT NULL)`, values: [] };
  }
  if (key === undefined) return { sql: "(body -> 'attributes' IS NOT NULL)", values: [] };
  const sql = `EXISTS (SELECT 1 FROM json_each(body, '$.attributes')
    WHERE key = ? AND type <> 'null')`;
  return { sql, values: [key] };
}
