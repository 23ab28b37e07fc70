import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { line, nameOf, nodeAt, type Source, sources } from "./source.ts";

const files = sources("src/**/*.ts");
const users = sources("{src,test,tools,examples,bench}/**/*.{ts,mjs}");
const entries = packageEntries();

test("every export is used by another file, or is what the package offers", () => {
  const used = new Set(
    users.flatMap(({ imports }) => imports.flatMap((i) => i.names.map((n) => `${i.target} ${n}`))),
  );
  const offered = new Set(files.filter(({ file }) => entries.has(file)));
  const unused = files
    .filter((source) => !offered.has(source) && !used.has(`${source.file} *`))
    .flatMap((source) =>
      source.exports
        .filter(({ name }) => !used.has(`${source.file} ${name}`) && !isTypeInUse(source, name))
        .map((exported) => `${line(source, exported)} ${exported.name}`),
    );
  expect(unused).toEqual([]);
});

test("ports and what the package offers are documented", () => {
  const bare = files
    .filter(({ file }) => file === "src/store/store.ts" || file.startsWith("src/client/"))
    .flatMap((source) =>
      source.exports
        .filter((exported) => !isDocumented(source, exported))
        .map((exported) => `${line(source, exported)} ${exported.name}`),
    );
  expect(bare).toEqual([]);
});

test("changes are pulled from the journals: nobody is told through emitters or lists", () => {
  const forbidden =
    /^(EventEmitter|EventTarget|BroadcastChannel|Subject|subscribe|addListener|(\w*[sS])?ubscribers?|listeners|observers?)$/;
  // Waiting once for a process or a socket is no way to be told of changes.
  const emitters = files.filter(({ imports }) =>
    imports.some((i) => /^(node:)?events$/.test(i.target) && i.names.some((n) => n !== "once")),
  );
  expect(emitters.map(({ file }) => file)).toEqual([]);
  const told = files.flatMap((source) =>
    source.nodes
      .filter(
        (node) =>
          node.type === "Identifier" &&
          typeof node["name"] === "string" &&
          (forbidden.test(node["name"]) ||
            // Node's own servers and sockets are handed over by emit, on the way in.
            (node["name"] === "emit" && !source.file.startsWith("src/rpc/http/"))),
      )
      .map((node) => `${line(source, node)} ${String(node["name"])}`),
  );
  expect(told).toEqual([]);
});

/** Types may be exported for the signatures that they are part of, next to them in the file. */
function isTypeInUse({ nodes }: Source, name: string): boolean {
  const mentions = nodes.filter((n) => n.type === "Identifier" && n["name"] === name);
  const isType = nodes.some(
    (n) => /^TS(Interface|TypeAlias)Declaration$/.test(n.type) && nameOf(nodeAt(n, "id")) === name,
  );
  return isType && mentions.length > 1;
}

/** The files that `exports` and `bin` of package.json name. */
function packageEntries(): ReadonlySet<string> {
  const { exports, bin } = JSON.parse(readFileSync("package.json", "utf8"));
  const paths = [...Object.values<string>(exports), ...Object.values<string>(bin)];
  return new Set(paths.map((path) => path.replace(/^\.\//, "")));
}

function isDocumented({ text }: Source, { start }: { readonly start: number }): boolean {
  const before = text.slice(0, start).trimEnd();
  return (
    before.endsWith("*/") && before.lastIndexOf("/**") > before.lastIndexOf("*/", before.length - 3)
  );
}
