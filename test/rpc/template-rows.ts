/**
 * What templates.md promises, sentence by sentence. In a refused text, `¦`
 * stands before each place that a diagnostic must point to, in order.
 */
export interface Row {
  readonly sentence: string;
  readonly text: string;
  /** Code and pointer of each diagnostic. Empty: the template is accepted. */
  readonly found: readonly string[];
}

/** A template around some steps, which begin in column 3. */
function steps(text: string, rest = ""): string {
  return `template_id: t\nversion: 1.0.0\nmain:\n  steps:${text}\n${rest}`;
}

function graph(text: string, rest = ""): string {
  return `template_id: t\nversion: 1.0.0\nmain:\n  mode: graph\n  steps:${text}\n${rest}`;
}

/** A step that computes one value. */
function set(id: string, value: string): string {
  return `\n  - {id: ${id}, set: {values: {v: ${value}}}}`;
}

function task(id: string, rest = ""): string {
  return `\n  - {id: ${id}, task: {agent: {capability: c}}${rest}}`;
}

const LOADING: readonly Row[] = [
  {
    sentence: "Durations are written as 1d2h3m4s5ms; both names of a field work",
    text: `templateId: t\nversion: 1.0.0\ntimeout: 1d2h3m4s5ms\nmain: {steps: [{id: a, set: {values: {}}}]}\n`,
    found: [],
  },
  {
    sentence: "Durations as ProtoJSON work too",
    text: steps(task("a", ", timeouts: {attempt: 1.5s}")),
    found: [],
  },
  {
    sentence: "A duration needs a unit",
    text: steps(task("a", ", timeouts: {attempt: ¦30, total: ¦1 h, heartbeat: ¦-1s, queued: ¦''}")),
    found: ["attempt", "total", "heartbeat", "queued"].map(
      (field) => `DURATION_INVALID /main/steps/0/timeouts/${field}`,
    ),
  },
  {
    sentence: "Enum values are lower case without prefix, or as ProtoJSON has them",
    text: `template_id: t\nversion: 1.0.0\nmain: {mode: graph, steps: [{id: a, onError: ON_ERROR_CONTINUE, set: {values: {}}}]}\n`,
    found: [],
  },
  {
    sentence: "Other enum values are refused",
    text: `template_id: t\nversion: 1.0.0\nmain: {mode: ¦grap, steps: [{id: a, on_error: ¦1, set: {values: {}}}]}\n`,
    found: ["ENUM_UNKNOWN /main/mode", "TYPE_INVALID /main/steps/0/on_error"],
  },
  {
    sentence: "Unknown keys are refused, all of them",
    text: `template_id: t\nversion: 1.0.0\n¦titel: x\nmain:\n  ¦stepz: []\n  steps:\n  - {id: a, ¦tsak: {}, ¦if~/: x}\n`,
    found: [
      "KEY_UNKNOWN /titel",
      "KEY_UNKNOWN /main/stepz",
      "KEY_UNKNOWN /main/steps/0/tsak",
      "KEY_UNKNOWN /main/steps/0/if~0~1",
    ],
  },
  {
    sentence: "Pointers are in the author's names",
    text: `templateId: ¦+\nversion: 1.0.0\nmain: {steps: [{id: a, onError: ¦continue, task: {agent: {agentId: a}, inputFrom: ¦x}, fallback: {steps: [{id: b, set: {values: {}}}]}}]}\n`,
    found: [
      "ID_INVALID /templateId",
      "FIELD_CONFLICT /main/steps/0/onError",
      "NAME_UNKNOWN /main/steps/0/task/inputFrom",
    ],
  },
  {
    sentence: "Values of another type are refused, all of them",
    text: `template_id: ¦7\nversion: ¦1.0\nmain: {steps: [{id: a, title: ¦{}, priority: ¦high, task: {agent: ¦[], input: {n: ¦1}, literal: ¦2}, retry: {multiplier: ¦x, max_attempts: ¦1.5}}]}\n`,
    found: [
      "TYPE_INVALID /template_id",
      "TYPE_INVALID /version",
      "TYPE_INVALID /main/steps/0/title",
      "TYPE_INVALID /main/steps/0/priority",
      "TYPE_INVALID /main/steps/0/task/agent",
      "TYPE_INVALID /main/steps/0/task/input/n",
      "TYPE_INVALID /main/steps/0/task/literal",
      "TYPE_INVALID /main/steps/0/retry/multiplier",
      "TYPE_INVALID /main/steps/0/retry/max_attempts",
    ],
  },
  {
    sentence: "A text that is no map, and one whose steps are no list, are refused",
    text: `¦- 1`,
    found: ["TYPE_INVALID "],
  },
  {
    sentence: "Steps are a list",
    text: `template_id: t\nversion: 1.0.0\nmain: {steps: ¦{a: 1}}\noutput: {x: steps.a.output}\n`,
    found: ["TYPE_INVALID /main/steps"],
  },
  {
    sentence: "0 and the empty text are as good as nothing, so they are refused",
    text: steps(task("a", ", priority: ¦0, if: ¦''")),
    found: ["VALUE_EMPTY /main/steps/0/priority", "VALUE_EMPTY /main/steps/0/if"],
  },
  {
    sentence: "Keys without a value say nothing",
    text: steps(task("a", ", if: , fallback: ~")),
    found: [],
  },
  {
    sentence: "A step does one thing, and says each thing once",
    text: `template_id: t\nversion: 1.0.0\nmain: {steps: [{id: a, if: "true", ¦condition: "true", set: {values: {}}, ¦fail: {reason: X}}]}\n`,
    found: ["FIELD_CONFLICT /main/steps/0/condition", "FIELD_CONFLICT /main/steps/0/fail"],
  },
  {
    sentence: "Errors of form and of content are reported together, without what only follows",
    text: steps(`\n  - {id: a, ¦tsak: {}}${set("b", "¦steps.c.output")}`),
    found: ["KEY_UNKNOWN /main/steps/0/tsak", "REFERENCE_UNKNOWN /main/steps/1/set/values/v"],
  },
  {
    sentence: "Duplicate keys, aliases, anchors and tags are refused",
    text: steps(
      `\n  - {id: a, set: {values: {x: &x ¦"1", y: ¦*x, z: !!str ¦1, z: "1"}}, ¦set: {}}`,
    ).replace('z: "1"', '¦z: "1"'),
    found: [
      "YAML_REFUSED /main/steps/0/set/values/x",
      "YAML_REFUSED /main/steps/0/set/values/y",
      "YAML_REFUSED /main/steps/0/set/values/z",
      "KEY_DUPLICATE /main/steps/0/set/values/z",
      "KEY_DUPLICATE /main/steps/0/set",
    ],
  },
  {
    sentence: "NUL and half surrogate pairs are refused",
    text: steps(
      `\n  - {id: a, title: ¦"a\\0", task: {agent: {capability: c}, literal: {x: ¦"\\udc00"}}}`,
    ),
    found: ["TEXT_INVALID /main/steps/0/title", "TEXT_INVALID /main/steps/0/task/literal/x"],
  },
];

const HEAD: readonly Row[] = [
  {
    sentence: "A template has an id, a version and steps",
    text: "¦¦¦title: x\n",
    found: ["ID_INVALID /template_id", "VERSION_INVALID /version", "STEPS_MISSING /main"],
  },
  {
    sentence: "Id and version have a form",
    text: `template_id: ¦a/b\nversion: ¦v1\nmain: {steps: [{id: a, set: {values: {}}}]}\n`,
    found: ["ID_INVALID /template_id", "VERSION_INVALID /version"],
  },
  {
    sentence: "The version is a semantic one, with all its parts",
    text: `template_id: a.b:c-d_1\nversion: 1.0.0-rc.1\nmain: {steps: [{id: a, set: {values: {}}}]}\n`,
    found: [],
  },
  {
    sentence: "Title, description and labels are bounded",
    text: `template_id: t\nversion: 1.0.0\ntitle: ¦${"x".repeat(257)}\ndescription: ¦${"x".repeat(4097)}\nlabels: ¦{${Array.from({ length: 32 }, (_, i) => `l${i}: x`)}, l: ¦${"é".repeat(65)}}\n${"main: {steps: [{id: a, set: {values: {}}}]}"}\n`,
    found: [
      "LIMIT_EXCEEDED /title",
      "LIMIT_EXCEEDED /description",
      "LIMIT_EXCEEDED /labels",
      "LIMIT_EXCEEDED /labels/l",
    ],
  },
  {
    sentence: "Constants are at most 64 KiB and 28 levels deep",
    text: `template_id: t\nversion: 1.0.0\nvars: ¦{a: "${"x".repeat(65_536)}", b: ${"[".repeat(26)}¦[[]]${"]".repeat(26)}}\nmain: {steps: [{id: a, set: {values: {}}}]}\n`.replace(
      "¦[[]]",
      "[¦[]]",
    ),
    found: ["LIMIT_EXCEEDED /vars", `LIMIT_EXCEEDED /vars/b${"/0".repeat(27)}`],
  },
  {
    sentence: "A run lasts at most 30 d; priorities are from 1 to 9",
    text: steps(task("a", ", priority: ¦10"), "timeout: ¦30d1ms\npriority: ¦10\n"),
    found: [
      "VALUE_OUT_OF_RANGE /main/steps/0/priority",
      "VALUE_OUT_OF_RANGE /timeout",
      "VALUE_OUT_OF_RANGE /priority",
    ],
  },
];

const STEPS: readonly Row[] = [
  {
    sentence: "Step ids are unique in the whole template",
    text: steps(
      `${set("a", "'1'")}\n  - {id: b, task: {agent: {capability: c}}, fallback: {steps: [{id: ¦a, set: {values: {}}}]}}\n  - {id: ¦b, set: {values: {}}}`,
    ),
    found: ["ID_DUPLICATE /main/steps/1/fallback/steps/0/id", "ID_DUPLICATE /main/steps/2/id"],
  },
  {
    sentence: "A step's id is a letter, then letters, digits or _, at most 64",
    text: steps(
      `\n  - {id: ¦1a, set: {values: {}}}\n  - {id: ¦a-b, set: {values: {}}}\n  - {id: ¦${"a".repeat(65)}, set: {values: {}}}\n  - ¦{set: {values: {}}}\n  - {id: a_1, set: {values: {}}}`,
    ),
    found: [0, 1, 2, 3].map((index) => `ID_INVALID /main/steps/${index}/id`),
  },
  {
    sentence: "A block has steps, and a step does something",
    text: steps(`\n  - ¦{id: a}\n  - {id: b, set: {values: {}}, fallback: ¦{mode: graph}}`),
    found: ["KIND_MISSING /main/steps/0", "STEPS_MISSING /main/steps/1/fallback"],
  },
  {
    sentence: "`needs` is for graphs",
    text: steps(`${set("a", "'1'")}\n  - {id: b, needs: ¦[a], set: {values: {}}}`),
    found: ["NEEDS_IN_SEQUENCE /main/steps/1/needs"],
  },
  {
    sentence: "`needs` names steps of the same block",
    text: graph(
      `\n  - {id: plan, set: {values: {}}}\n  - {id: b, needs: [plan, ¦plam, ¦zzz, ¦d], set: {values: {}}}\n  - {id: c, task: {agent: {capability: c}}, fallback: {steps: [{id: d, set: {values: {}}}]}}`,
    ),
    found: [
      "REFERENCE_UNKNOWN /main/steps/1/needs/1",
      "REFERENCE_UNKNOWN /main/steps/1/needs/2",
      "REFERENCE_SCOPE /main/steps/1/needs/3",
    ],
  },
  {
    sentence: "Steps do not wait for each other in a circle, by `needs` or by what they read",
    text: graph(
      `\n  - {id: a, set: {values: {}}}\n  - ¦{id: b, needs: [a, d], set: {values: {}}}${set("c", "steps.b.output")}\n  - {id: d, task: {agent: {capability: c}}, fallback: {steps: [{id: e, set: {values: {v: steps.c.output}}}]}}`,
    ),
    found: ["CYCLE /main/steps/1"],
  },
  {
    sentence: "No step waits for itself",
    text: graph(`\n  - ¦{id: a, needs: [a], set: {values: {}}}`),
    found: ["CYCLE /main/steps/0"],
  },
  {
    sentence: "A task has `literal` and `input`, or `input_from`",
    text: steps(
      `${task("a")}\n  - {id: b, task: {agent: {capability: c}, literal: {x: 1}, input: {x: "2"}}}\n  - {id: d, task: {agent: {capability: c}, input_from: input}}\n  - {id: e, task: {agent: {capability: c}, literal: {}, input_from: ¦input}}\n  - {id: f, task: {agent: {capability: c}, input: {x: "1"}, input_from: ¦input}}`,
    ),
    found: [
      "FIELD_CONFLICT /main/steps/3/task/input_from",
      "FIELD_CONFLICT /main/steps/4/task/input_from",
    ],
  },
  {
    sentence: "A selector says something",
    text: steps(
      `\n  - {id: a, task: {agent: ¦{}}}\n  - {id: b, task: ¦{literal: {}}}\n  - {id: c, task: {agent: {agent_id: "any name ü"}}}\n  - {id: d, task: {agent: {where: "true"}}}`,
    ),
    found: ["SELECTOR_EMPTY /main/steps/0/task/agent", "SELECTOR_EMPTY /main/steps/1/task/agent"],
  },
  {
    sentence: "A capability is a name, optionally with a version range",
    text: steps(
      ["code", "code@^2", "a.b-c_1@>=1.2 <3", "¦code@", "¦code@x.y", "¦@1", "¦a b", "¦Code"]
        .map((name, index) =>
          name.replace(/^(¦?)(.*)$/, `\n  - {id: s${index}, task: {agent: {capability: $1"$2"}}}`),
        )
        .join(""),
    ),
    found: [3, 4, 5, 6, 7].map((i) => `CAPABILITY_INVALID /main/steps/${i}/task/agent/capability`),
  },
  {
    sentence: "A failure has a reason in UPPER_SNAKE",
    text: steps(
      `\n  - {id: a, fail: {reason: ¦bad}}\n  - {id: b, fail: ¦{}}\n  - {id: c, fail: {reason: BAD_INPUT, message: "no \${input.id}, \${input.name}"}}\n  - {id: d, fail: {reason: X, message: ¦${"x".repeat(4097)}}}`,
    ),
    found: [
      "REASON_INVALID /main/steps/0/fail/reason",
      "REASON_INVALID /main/steps/1/fail/reason",
      "LIMIT_EXCEEDED /main/steps/3/fail/message",
    ],
  },
  {
    sentence: "Retries have limits",
    text: steps(
      task(
        "a",
        ", retry: {max_attempts: ¦101, initial_delay: ¦24h1ms, multiplier: ¦10.5, max_delay: ¦2d}",
      ) +
        task(
          "b",
          ", retry: {max_attempts: 100, initial_delay: 24h, multiplier: 1, max_delay: 24h, retry_if: error.permanent}",
        ) +
        task("d", ", retry: {multiplier: ¦0.5, initial_delay: 0s}"),
    ),
    found: [
      "VALUE_OUT_OF_RANGE /main/steps/0/retry/max_attempts",
      "VALUE_OUT_OF_RANGE /main/steps/0/retry/initial_delay",
      "VALUE_OUT_OF_RANGE /main/steps/0/retry/multiplier",
      "VALUE_OUT_OF_RANGE /main/steps/0/retry/max_delay",
      "VALUE_OUT_OF_RANGE /main/steps/2/retry/multiplier",
    ],
  },
  {
    sentence: "Timeouts have limits, in whole milliseconds",
    text: steps(
      task("a", ", timeouts: {attempt: ¦24h1ms, total: ¦31d, queued: ¦0s, heartbeat: ¦0.0001s}") +
        task("b", ", timeouts: {attempt: 24h, total: 30d, queued: 30d, heartbeat: 1ms}"),
    ),
    found: ["attempt", "total", "queued", "heartbeat"].map(
      (field) => `VALUE_OUT_OF_RANGE /main/steps/0/timeouts/${field}`,
    ),
  },
  {
    sentence: "One attempt takes no longer than all",
    text: steps(
      task("a", ", timeouts: {attempt: ¦2m, total: 1m}") +
        task("b", ", timeouts: {attempt: ¦3m}") +
        task("d", ", timeouts: {total: 2m}"),
      "defaults: {timeouts: {total: 2m, attempt: ¦150s}}\n",
    ).replace("{total: 2m}}\n", "{total: ¦2m}}\n"),
    found: [
      "ATTEMPT_OVER_TOTAL /main/steps/0/timeouts/attempt",
      "ATTEMPT_OVER_TOTAL /main/steps/1/timeouts/attempt",
      "ATTEMPT_OVER_TOTAL /main/steps/2/timeouts/total",
      "ATTEMPT_OVER_TOTAL /defaults/timeouts/attempt",
    ],
  },
  {
    sentence: "A total without an attempt bounds the attempt",
    text: steps(task("a", ", timeouts: {total: 1m}")),
    found: [],
  },
  {
    sentence: "Retries, timeouts and priorities are for tasks",
    text: steps(
      `\n  - {id: a, retry: ¦{}, timeouts: ¦{}, priority: ¦3, set: {values: {}}}\n  - {id: b, priority: ¦3, fail: {reason: X}}`,
    ),
    found: [
      "FIELD_CONFLICT /main/steps/0/retry",
      "FIELD_CONFLICT /main/steps/0/timeouts",
      "FIELD_CONFLICT /main/steps/0/priority",
      "FIELD_CONFLICT /main/steps/1/priority",
    ],
  },
  {
    sentence: "`on_error` and `fallback` exclude each other",
    text: steps(
      task("a", ", on_error: ¦continue, fallback: {steps: [{id: b, set: {values: {}}}]}"),
    ),
    found: ["FIELD_CONFLICT /main/steps/0/on_error"],
  },
  {
    sentence: "At most 32 blocks inside each other",
    text: nested(33),
    found: ["LIMIT_EXCEEDED /main"],
  },
  { sentence: "32 blocks inside each other are fine", text: nested(32), found: [] },
  {
    sentence: "At most 500 steps",
    text: steps(Array.from({ length: 501 }, (_, i) => set(`s${i}`, "'1'")).join("")).replace(
      "main:\n  ",
      "main:\n  ¦",
    ),
    found: ["LIMIT_EXCEEDED /main"],
  },
  {
    sentence: "At most 5,000 dependencies",
    text: dependent(102).replace("main:\n  ", "main:\n  ¦"),
    found: ["LIMIT_EXCEEDED /main"],
  },
  { sentence: "5,000 dependencies are fine, and inferred", text: dependent(100), found: [] },
];

/** Blocks inside each other, the innermost without a fallback. */
function nested(depth: number): string {
  let block = `{steps: [{id: s0, set: {values: {}}}]}`;
  for (let level = 1; level < depth; level++) {
    block = `{steps: [{id: s${level}, set: {values: {}}, fallback: ${block}}]}`;
  }
  return `template_id: t\nversion: 1.0.0\nmain: ${depth > 32 ? "¦" : ""}${block}\n`;
}

/** A graph in which each step needs all those before it. */
function dependent(count: number): string {
  const ids = Array.from({ length: count }, (_, i) => `s${i}`);
  return graph(
    ids
      .map((id, i) => `\n  - {id: ${id}, needs: [${ids.slice(0, i)}], set: {values: {}}}`)
      .join(""),
  );
}

const SCOPES: readonly Row[] = [
  {
    sentence: "Everywhere: input, vars, run, now, steps",
    text: steps(
      set(
        "a",
        `"[input.x, vars.y, run.run_id, run.template_id, run.version, run.labels.z, run.start_time, now]"`,
      ) +
        set(
          "b",
          `"[steps.a.output, steps.a.state, steps.a.attempt, steps.a.agent_id, steps.a.error]"`,
        ),
    ),
    found: [],
  },
  {
    sentence: "Other names are refused",
    text: steps(set("a", "1 + ¦foo") + set("b", "¦error.reason") + set("c", "¦agent.agent_id")),
    found: [0, 1, 2].map((i) => `NAME_UNKNOWN /main/steps/${i}/set/values/v`),
  },
  {
    sentence: "`error` can be read in a fallback and in `retry_if`, `agent` in `where`",
    text: steps(
      task("a", `, retry: {retry_if: "error.reason != 'X' && ¦agent.x"}`) +
        `\n  - {id: b, task: {agent: {where: "agent.labels.team == input.team && ¦error.x"}}, fallback: {steps: [{id: d, task: {agent: {where: "error.attempt > 1 && agent.version == '1'"}, input: {x: "[error.reason, error.message, error.details]"}}}]}}`,
      `output: {x: ¦error.reason}\n`,
    ),
    found: [
      "NAME_UNKNOWN /main/steps/0/retry/retry_if",
      "NAME_UNKNOWN /main/steps/1/task/agent/where",
      "NAME_UNKNOWN /output/x",
    ],
  },
  {
    sentence: "Readable are earlier steps of the block",
    text: steps(set("a", "¦steps.b.output.v") + set("b", "steps.a.output.v")),
    found: ["REFERENCE_SCOPE /main/steps/0/set/values/v"],
  },
  {
    sentence: "In a graph any step can be read, as a dependency",
    text: graph(set("a", "steps.b.output.v") + set("b", "'1'")),
    found: [],
  },
  {
    sentence:
      "Steps of enclosing blocks can be read, those inside another step and the owner cannot",
    text: steps(
      `${set("a", "'1'")}\n  - {id: b, task: {agent: {capability: c}}, fallback: {steps: [{id: d, set: {values: {x: steps.a.output, y: ¦steps.b.error, z: ¦steps.e.output}}}], output: {x: steps.d.output, y: steps.a.output}}}${set("e", "¦steps.d.output")}`,
    ),
    found: [
      "REFERENCE_SCOPE /main/steps/1/fallback/steps/0/set/values/y",
      "REFERENCE_SCOPE /main/steps/1/fallback/steps/0/set/values/z",
      "REFERENCE_SCOPE /main/steps/2/set/values/v",
    ],
  },
  {
    sentence: "No step reads itself",
    text: graph(set("a", "¦steps.a.state")),
    found: ["REFERENCE_SCOPE /main/steps/0/set/values/v"],
  },
  {
    sentence: "An unknown step is refused, with the nearest one",
    text: steps(
      set("plan", "'1'") + set("b", "size(¦steps.plam.output.v)"),
      "output: {x: ¦steps.q.output}\n",
    ),
    found: ["REFERENCE_UNKNOWN /main/steps/1/set/values/v", "REFERENCE_UNKNOWN /output/x"],
  },
  {
    sentence: "The template's `retry_if` reads no step",
    text: steps(set("a", "'1'"), "defaults: {retry: {retry_if: ¦steps.a.output.v}}\n"),
    found: ["REFERENCE_SCOPE /defaults/retry/retry_if"],
  },
  {
    sentence: "Reading a step that may lack its output needs has() or a test of its state",
    text: steps(
      `\n  - {id: a, if: input.x, set: {values: {}}}${task("b", ", on_error: continue")}${task("c", ", fallback: {steps: [{id: d, if: input.x, set: {values: {}}}]}")}` +
        set("e", `"[¦steps.a.output, ¦steps.b.output.x, ¦steps.c.output]"`) +
        set("f", `"has(steps.a.output) ? steps.a.output : null"`) +
        set("g", `"steps.b.state == 'succeeded' ? steps.b.output : null"`) +
        set("h", `"[steps.a.state, steps.b.error]"`),
    ),
    found: [
      "REFERENCE_UNGUARDED /main/steps/3/set/values/v",
      "REFERENCE_UNGUARDED /main/steps/3/set/values/v",
      "REFERENCE_UNGUARDED /main/steps/3/set/values/v",
    ],
  },
  {
    sentence: "The test may stand in the reader's `if`, or in one around it",
    text: steps(
      `\n  - {id: a, if: input.x, set: {values: {}}}\n  - {id: b, if: has(steps.a.output), task: {agent: {capability: c}, input_from: steps.a.output}, fallback: {steps: [{id: d, set: {values: {v: steps.a.output}}}]}}${set("e", "¦steps.a.output")}`,
      "output: {x: ¦steps.a.output}\n",
    ),
    found: ["REFERENCE_UNGUARDED /main/steps/2/set/values/v", "REFERENCE_UNGUARDED /output/x"],
  },
  {
    sentence: "A fallback gives the output that the step lacks",
    text: steps(
      task(
        "a",
        ", fallback: {steps: [{id: b, if: input.x, set: {values: {}}}], output: {x: '1'}}",
      ) +
        task("c", ", fallback: {mode: graph, steps: [{id: d, if: input.x, set: {values: {}}}]}") +
        task(
          "e",
          ", fallback: {steps: [{id: f, set: {values: {}}}, {id: g, if: input.x, set: {values: {}}}]}",
        ) +
        task(
          "h",
          ", fallback: {steps: [{id: i, set: {values: {}}}, {id: j, on_error: continue, set: {values: {}}}]}",
        ) +
        set("k", `"[steps.a.output, steps.c.output, steps.e.output, ¦steps.h.output]"`),
    ),
    found: ["REFERENCE_UNGUARDED /main/steps/4/set/values/v"],
  },
];

/** Guards of expressions: one broken by each. */
const GUARDED: readonly (readonly [sentence: string, expression: string, code: string])[] = [
  ["An expression has at most 1 KiB", `¦'${"x".repeat(1023)}'`, "EXPRESSION_LENGTH"],
  ["An expression has at most 256 parts", `¦[${"1,".repeat(256)}1]`, "EXPRESSION_SIZE"],
  ["An expression is at most 32 deep", `¦${"[".repeat(33)}1${"]".repeat(33)}`, "EXPRESSION_DEPTH"],
  ["Only known functions can be called", "¦foo(input)", "EXPRESSION_FUNCTION"],
  ["There is no replace", "input.x¦.replace('a', 'b')", "EXPRESSION_FUNCTION"],
  ["There is no format", "'%s'¦.format([1])", "EXPRESSION_FUNCTION"],
  ["Loops stand at most two deep", "[1].map(a, [1].map(b, [1]¦.map(c, c)))", "EXPRESSION_NESTING"],
  [
    "A range is a path, a literal, a filter or map of one, or a sum",
    "(input.x ? [1] : [2])¦.map(a, a)",
    "EXPRESSION_RANGE",
  ],
  ["A pattern is a constant", "input.x¦.matches(input.y)", "EXPRESSION_PATTERN"],
  ["Steps are read by name: no steps[x]", "size(steps¦[input.x])", "STEP_COMPUTED"],
  ["Placeholders are for texts only", `¦\${input.x}`, "EXPRESSION_SYNTAX"],
  ["An expression is not empty", "¦", "EXPRESSION_SYNTAX"],
  ["There is no other clock", "¦time.now", "NAME_UNKNOWN"],
  ["A step has no other fields", "¦steps.a.result", "FIELD_UNKNOWN"],
];

const EXPRESSIONS: readonly Row[] = [
  ...GUARDED.map(([sentence, expression, code]) => ({
    sentence,
    text: steps(set("a", "'1'") + set("b", `"${expression}"`)),
    found: [`${code} /main/steps/1/set/values/v`],
  })),
  {
    sentence: "Within the guards, everything runs",
    text: steps(
      set("a", `"input.xs.filter(x, x > 1).map(x, [x + 1, x * 2.5, x % 2])"`) +
        set("b", `"[1, 2].map(x, [1, 2].map(y, x * y))"`) +
        set("c", `"'abc'.matches('^a+') && ['a'].exists(x, x in input.ys)"`) +
        set("d", `"now - duration('1h') < timestamp(run.start_time)"`),
    ),
    found: [],
  },
  {
    sentence: "Findings point into the expression, however it is written",
    text: steps(
      `${set("a", "1 + ¦foo")}${set("b", "'1 + ¦foo'")}${set("c", `"'😀' + ¦foo"`)}
  - id: d
    set:
      values:
        x: |

          1
            + ¦foo
        y: ¦>
          1
          + foo
        z: ¦"1 +\\tfoo"
        w: ¦1
          + foo
  - {id: e, fail: {reason: X, message: "a \${input.x} \${¦foo} \${'}' + ¦bar}"}}
  - {id: f, fail: {reason: X, message: "a ¦\${input.x"}}`,
    ),
    found: [
      "NAME_UNKNOWN /main/steps/0/set/values/v",
      "NAME_UNKNOWN /main/steps/1/set/values/v",
      "NAME_UNKNOWN /main/steps/2/set/values/v",
      "NAME_UNKNOWN /main/steps/3/set/values/x",
      "NAME_UNKNOWN /main/steps/3/set/values/y",
      "NAME_UNKNOWN /main/steps/3/set/values/z",
      "NAME_UNKNOWN /main/steps/3/set/values/w",
      "NAME_UNKNOWN /main/steps/4/fail/message",
      "NAME_UNKNOWN /main/steps/4/fail/message",
      "EXPRESSION_SYNTAX /main/steps/5/fail/message",
    ],
  },
  {
    sentence: "JSON is YAML: the same places",
    text: `{\n\t"template_id": "t",\n\t"version": "1.0.0",\n\t"main": {"steps": [\n\t\t{"id": "a", "set": {"values": {"v": "1 + ¦foo"}}}\n\t]}\n}\n`,
    found: ["NAME_UNKNOWN /main/steps/0/set/values/v"],
  },
];

export const ROWS: readonly Row[] = [...LOADING, ...HEAD, ...STEPS, ...SCOPES, ...EXPRESSIONS];
