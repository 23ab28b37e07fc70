import { parseLimit, parsePair, parseWhen } from "./values.ts";

// Options that several commands have, so that they are the same everywhere.

export const LIMIT_OPTION = {
  value: "N",
  about: "at most so many, or all",
  default: "100",
  parse: parseLimit,
} as const;

/** Of every list. */
export const LIST_OPTIONS = {
  filter: {
    value: "CEL",
    about: "only what this expression of the API's filter language selects",
  },
  limit: LIMIT_OPTION,
  pageToken: { value: "TOKEN", about: "go on where a list with the same filter stopped" },
} as const;

export const LABEL_OPTION = {
  value: "KEY=VALUE",
  about: "only with this label; may be given again",
  many: true,
  parse: parsePair,
} as const;

export const SINCE_OPTION = {
  value: "WHEN",
  about: "from then on: an age like 1h, or a time like 2026-01-31T12:00:00Z",
  parse: parseWhen,
} as const;

export const UNTIL_OPTION = {
  value: "WHEN",
  about: "until then: an age like 1h, or a time like 2026-01-31T12:00:00Z",
  parse: parseWhen,
} as const;

/** Of every command that changes something. */
export const REQUEST_ID_OPTION = {
  value: "ID",
  about: "idempotency key: the same again within a day gets the first answer",
} as const;
