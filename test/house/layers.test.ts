import { expect, test } from "vitest";
import { type Import, line, nameOf, nodeAt, type Source, sources } from "./source.ts";

/**
 * Who may import whom. The order is the architecture: read it top-down, from rules to wires. The
 * first row that fits a file is its layer; a folder may also import itself. `type:` allows types
 * only, `dynamic:` only `import()`.
 */
const LAYERS: readonly (readonly [layer: string, mayImport: readonly string[]])[] = [
  ["src/core/expr*.ts", ["src/core", "@bufbuild/cel", "@bufbuild/protobuf/wkt"]],
  ["src/core/version.ts", ["src/core", "semver"]],
  ["src/core", []],
  ["src/failpoint.ts", []],
  ["src/store", ["src/core", "src/failpoint.ts", "node:"]],
  ["src/engine", ["src/core", "src/store/store.ts", "src/failpoint.ts", "node:", "type:pino"]],
  ["src/rpc/http", [...rpc(), "node:"]],
  ["src/rpc/template-text*.ts", [...rpc(), "node:worker_threads"]],
  ["src/rpc", rpc()],
  ["src/client", ["gen", "@bufbuild/protobuf", "@connectrpc", "@grpc/grpc-js"]],
  [
    "src/cli",
    [
      ...["src/client", "gen", "@bufbuild/protobuf", "@connectrpc/connect", "commander"],
      ...["dynamic:yaml", "node:", "src/core/nearest.ts"],
      ...["src/config.ts", "src/config-table.ts", "src/version.ts"],
      ...["dynamic:src/app.ts", "dynamic:src/app-verify.ts", "dynamic:src/logger.ts", "type:pino"],
    ],
  ],
  [
    "src/config*.ts",
    ["src/config*.ts", "src/core", "src/failpoint.ts", "src/rpc/http/limits.ts", "node:"],
  ],
  ["src/version.ts", ["package.json"]],
  ["src/logger.ts", ["src/config-values.ts", "pino"]],
  ["src/app*.ts", ["src", "gen", "node:", "@bufbuild", "@connectrpc", "type:pino"]],
  ["src/main.ts", ["src/cli"]],
];

const LINES_PER_FILE_MAX = 300;

const files = sources("src/**/*.ts");

test("every file imports only what its layer may", () => {
  expect(files.length).toBeGreaterThan(0);
  expect(files.flatMap(strayImports)).toEqual([]);
});

test("no file imports itself, however far around", () => {
  expect(cycles()).toEqual([]);
});

test("rules are pure: no clock, no randomness, no waiting, no process", () => {
  const impure = files
    .filter(({ file }) => file.startsWith("src/core/"))
    .flatMap((source) =>
      source.nodes
        .filter(
          (node) =>
            isClock(node) ||
            isRandom(node) ||
            isGlobalUse(node) ||
            node.type === "AwaitExpression" ||
            node["async"] === true,
        )
        .map((node) => line(source, node)),
    );
  expect(impure).toEqual([]);
});

/** The command line's one file that reads the clock and the environment of the person in front of it. */
const PERSON = "src/cli/environment.ts";

test("only the store reads the clock, only ids.ts is random, only config.ts reads the environment", () => {
  const stray = files.flatMap((source) =>
    source.nodes
      .filter(
        (node) =>
          (isClock(node) && !source.file.startsWith("src/store/") && source.file !== PERSON) ||
          (isRandom(node) && source.file !== "src/engine/ids.ts") ||
          (isMember(node, "process", "env") && !["src/config.ts", PERSON].includes(source.file)),
      )
      .map((node) => line(source, node)),
  );
  expect(stray).toEqual([]);
});

test("files fit in a head", () => {
  const long = files.filter(({ text }) => text.split("\n").length - 1 > LINES_PER_FILE_MAX);
  expect(long.map(({ file }) => file)).toEqual([]);
});

function rpc(): readonly string[] {
  return [
    "src/core",
    "src/engine",
    "src/failpoint.ts",
    "src/rpc",
    "gen",
    "@bufbuild",
    "@connectrpc",
    "yaml",
    "type:pino",
  ];
}

function strayImports({ file, imports }: Source): readonly string[] {
  const row = LAYERS.find(([layer]) => covers(layer, file));
  if (row === undefined) return [`${file} is in no layer`];
  const [layer, allowed] = row;
  return imports
    .filter((i) => !covers(layer, i.target) && !allowed.some((rule) => permits(rule, i)))
    .map((i) => `${file} must not import ${i.target}`);
}

function permits(rule: string, { target, kind }: Import): boolean {
  const [, restriction, path = ""] = /^(?:(type|dynamic):)?(.*)$/.exec(rule) ?? [];
  return covers(path, target) && (restriction === undefined || restriction === kind);
}

/** A folder or package covers what is inside, `node:` every module of Node, `*` any end of a name. */
function covers(path: string, target: string): boolean {
  if (path.endsWith(":")) return target.startsWith(path);
  const [before = "", after] = path.split("*");
  return after === undefined
    ? target === path || target.startsWith(`${path}/`)
    : target.startsWith(before) && target.endsWith(after);
}

function cycles(): readonly string[] {
  const targets = new Map(files.map(({ file, imports }) => [file, imports.map((i) => i.target)]));
  const closed = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      return;
    }
    if (closed.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    closed.add(file);
  };
  for (const { file } of files) visit(file, []);
  return found;
}

function isClock(node: Source["nodes"][number]): boolean {
  const isNewDate =
    node.type === "NewExpression" &&
    nameOf(nodeAt(node, "callee")) === "Date" &&
    Array.isArray(node["arguments"]) &&
    node["arguments"].length === 0;
  return isNewDate || isMember(node, "Date", "now");
}

function isRandom(node: Source["nodes"][number]): boolean {
  const name = node.type === "Identifier" ? nameOf(node) : undefined;
  return (
    isMember(node, "Math", "random") || /^(randomUUID|randomBytes|randomInt)$/.test(name ?? "")
  );
}

function isGlobalUse(node: Source["nodes"][number]): boolean {
  return (
    node.type === "MemberExpression" &&
    /^(process|performance|globalThis|crypto)$/.test(nameOf(nodeAt(node, "object")) ?? "")
  );
}

function isMember(node: Source["nodes"][number], object: string, property: string): boolean {
  return (
    node.type === "MemberExpression" &&
    nameOf(nodeAt(node, "object")) === object &&
    nameOf(nodeAt(node, "property")) === property
  );
}
