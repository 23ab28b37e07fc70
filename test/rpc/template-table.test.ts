import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { TemplateSourceSchema } from "../../gen/opscore/v1/workflow_pb.ts";
import { limitsWith } from "../../src/core/limits.ts";
import { loadTemplate } from "../../src/rpc/load-template.ts";
import { ROWS } from "./template-rows.ts";

const LIMITS = limitsWith();

test.each(ROWS)("$sentence", async ({ text: marked, found }) => {
  const { text, places } = unmark(marked);
  const source = create(TemplateSourceSchema, { source: { case: "text", value: text } });
  const loaded = await loadTemplate(source, LIMITS);
  const seen = loaded.diagnostics.map(
    ({ code, pointer, line, column }) => `${code} ${pointer} ${line}:${column}`,
  );
  expect(seen).toEqual(found.map((one, index) => `${one} ${places[index]}`));
  expect(places.length).toBe(found.length);
  expect(loaded.diagnostics.every(({ error }) => error)).toBe(true);
  expect(loaded.bounds === undefined).toBe(found.length > 0);
  expect(loaded.template === undefined).toBe(found.length > 0);
});

/** The text without its marks, and where they stood. */
function unmark(marked: string): { readonly text: string; readonly places: readonly string[] } {
  const places: string[] = [];
  const lines = marked.split("\n").map((line, index) => {
    const [first = "", ...rest] = line.split("¦");
    let clean = first;
    for (const part of rest) {
      places.push(`${index + 1}:${[...clean].length + 1}`);
      clean += part;
    }
    return clean;
  });
  return { text: lines.join("\n"), places };
}
