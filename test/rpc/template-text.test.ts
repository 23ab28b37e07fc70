import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parseTemplateText } from "../../src/rpc/template-text.ts";

const run = promisify(execFile);

test("values come with line and column, counted from 1 in characters", async () => {
  const text = "a: 1\nb:\n  - {'😀': \"x 😀\", c: yes}\n";
  expect(await parseTemplateText(text)).toEqual({
    problems: [],
    root: {
      type: "map",
      line: 1,
      column: 1,
      entries: [
        { key: "a", line: 1, column: 1, value: { type: "scalar", value: 1, line: 1, column: 4 } },
        {
          key: "b",
          line: 2,
          column: 1,
          value: {
            type: "list",
            line: 3,
            column: 3,
            items: [
              {
                type: "map",
                line: 3,
                column: 5,
                entries: [
                  {
                    key: "😀",
                    line: 3,
                    column: 6,
                    value: {
                      type: "scalar",
                      value: "x 😀",
                      line: 3,
                      column: 11,
                      verbatimColumn: 12,
                    },
                  },
                  {
                    key: "c",
                    line: 3,
                    column: 18,
                    // YAML 1.2: only true and false are booleans.
                    value: {
                      type: "scalar",
                      value: "yes",
                      line: 3,
                      column: 21,
                      verbatimColumn: 21,
                    },
                  },
                ],
              },
            ],
          },
        },
      ],
    },
  });
});

const REFUSED: readonly (readonly [what: string, text: string, problems: readonly string[]])[] = [
  ["an alias and its anchor", "a: &x 1\nb: *x", ["YAML_REFUSED /a 1:7", "YAML_REFUSED /b 2:4"]],
  ["tags", "a: !!str 1\nb: !mine {}", ["YAML_REFUSED /a 1:10", "YAML_REFUSED /b 2:10"]],
  ["a tag on a key", "!!str a: 1", ["YAML_REFUSED /a 1:7"]],
  ["a merge key", "<<: {a: 1}", ["YAML_REFUSED /<< 1:1"]],
  ["a second document", "a: 1\n---\nb: 1", ["YAML_REFUSED  2:1"]],
  ["a directive", "%YAML 1.1\n---\na: yes", ["YAML_REFUSED  1:1"]],
  ["a key twice", "a: 1\nb: {c: 1, 'c': 2}", ["KEY_DUPLICATE /b/c 2:11"]],
  ["a key that is a list", "? [a]\n: 1", ["KEY_INVALID  1:3"]],
  ["the key __proto__", "a: {__proto__: 1}", ["KEY_INVALID /a 1:5"]],
  ["NUL in a key", '"a\\0": 1', ["KEY_INVALID  1:1"]],
  ["a key as long as a book", `a: {"${"k".repeat(200)}": 1}`, ["KEY_INVALID /a 1:5"]],
  ["NUL in a text", 'a: "\\0"', ["TEXT_INVALID /a 1:4"]],
  ["half a surrogate pair", '["\\ud800"]', ["TEXT_INVALID /0 1:2"]],
  ["not a number", "a: .nan", ["VALUE_OUT_OF_RANGE /a 1:4"]],
  ["broken syntax", "a: [1,\nb", ["SYNTAX  2:1", "SYNTAX  2:1"]],
  ["an escaped pointer", "a/b: {c~d: .inf}", ["VALUE_OUT_OF_RANGE /a~1b/c~0d 1:12"]],
];

test.each(REFUSED)("%s is refused", async (_, text, expected) => {
  const { problems } = await parseTemplateText(text);
  const seen = problems.map((one) => `${one.code} ${one.pointer} ${one.line}:${one.column}`);
  expect(seen).toEqual(expected);
});

const FINE: readonly (readonly [what: string, text: string])[] = [
  ["nothing", ""],
  ["a comment", "# nothing\n"],
  ["JSON with tabs and escapes", '{\n\t"a": "\\ud83d\\ude00\\/",\n\t"b": [1.5e3, null, true]\n}'],
  ["a byte order mark", "\ufeffa: 1"],
  ["an empty value in a flow map", "{a}"],
  ["numbers as keys", "1: x\n1.50: y"],
];

test.each(FINE)("%s is read", async (_, text) => {
  const { root, problems } = await parseTemplateText(text);
  expect(problems).toEqual([]);
  expect(root).toBeDefined();
});

const BOMBS: readonly (readonly [what: string, text: string])[] = [
  ["aliases", `a: &a [x]\n${"b: [*a,*a,*a,*a]\n".repeat(5_000)}`],
  ["nested lists", "[".repeat(200_000)],
  ["nested maps", "{a: ".repeat(60_000)],
  ["complex keys", "? ".repeat(120_000)],
  ["10,000 equal keys", "a: 1\n".repeat(10_000)],
  ["100,000 values", `[${"1,".repeat(100_000)}]`],
  ["documents", "---\n".repeat(60_000)],
  ["quotes", '"'.repeat(250_000)],
];

test.each(BOMBS)("a bomb of %s is refused, and the next text is read", async (_, text) => {
  const bomb = await parseTemplateText(text);
  expect(bomb.problems.length).toBeGreaterThan(0);
  expect(bomb.problems.length).toBeLessThanOrEqual(100);
  expect(await parseTemplateText("a: 1")).toMatchObject({ problems: [] });
});

test("a text that needs too long ends the worker, and the next one has a new worker", async () => {
  const slow = parseTemplateText(`[${"1,".repeat(45_000)}]`, 1);
  const next = parseTemplateText("a: 1");
  expect((await slow).problems).toMatchObject([{ code: "LIMIT_EXCEEDED", line: 1, column: 1 }]);
  expect((await next).problems).toEqual([]);
});

test("texts that come at once are read one after the other, each with its own answer", async () => {
  const texts = ["a: 1", '"'.repeat(250_000), "a: 2", "a: ["];
  const parsed = await Promise.all(texts.map((text) => parseTemplateText(text)));
  expect(parsed.map(({ problems }) => problems[0]?.code)).toEqual([
    undefined,
    "LIMIT_EXCEEDED",
    undefined,
    "SYNTAX",
  ]);
});

test("the warm worker does not keep the process alive", async () => {
  const module = new URL("../../src/rpc/template-text.ts", import.meta.url);
  const script = `
    import { parseTemplateText } from ${JSON.stringify(module.href)};
    const { root } = await parseTemplateText("a: 1");
    process.stdout.write(root.type);`;
  const options = { timeout: 20_000 };
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], options);
  expect(stdout).toBe("map");
});
