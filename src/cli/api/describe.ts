import type { DescField, DescMessage, DescMethod, JsonValue } from "@bufbuild/protobuf";
import type { Settings } from "../settings.ts";
import { nameOf } from "./methods.ts";

/** The fields of a method's request and answer, in the names of JSON. */
export async function describeMethod(method: DescMethod): Promise<string> {
  const { ScalarType } = await import("@bufbuild/protobuf");
  const names = new Map(Object.entries(ScalarType).map(([name, value]) => [value, name]));
  const fieldsOf = (title: string, message: DescMessage) => tableOf(title, message, names);
  const { input, output } = method;
  return `${nameOf(method)}\n\n${fieldsOf("request", input)}\n${fieldsOf("answer", output)}`;
}

type Scalars = ReadonlyMap<number | string, string | number>;

function tableOf(title: string, { name, fields }: DescMessage, scalars: Scalars): string {
  const width = Math.max(0, ...fields.map(({ jsonName }) => jsonName.length));
  const lines = fields.map(
    (field) => `  ${field.jsonName.padEnd(width)}  ${typeOf(field, scalars)}\n`,
  );
  return `${title} ${name}\n${lines.join("")}`;
}

function typeOf(field: DescField, scalars: Scalars): string {
  const element = field.message?.name ?? field.enum?.name ?? scalarOf(field, scalars);
  switch (field.fieldKind) {
    case "list":
      return `list of ${element}`;
    case "map":
      return `map to ${element}`;
    case "enum":
      return `${element}: ${field.enum.values.map(({ name }) => name).join(", ")}`;
    default:
      return element;
  }
}

function scalarOf({ scalar }: DescField, scalars: Scalars): string {
  return String(scalars.get(scalar ?? "") ?? "value").toLowerCase();
}

/** The same call by other tools, ready for a shell. */
export function commandsOf(method: DescMethod, request: JsonValue, settings: Settings) {
  const { server, namespace, token } = settings;
  const url = `${server}/${method.parent.typeName}/${method.name}`;
  const headers = [
    ...(namespace === "default" ? [] : [`opscore-namespace: ${namespace}`]),
    // The key itself would stay in the history of the shell.
    ...(token === undefined ? [] : ["authorization: Bearer $OPSCORE_TOKEN"]),
  ].map((header) => ` -H ${header.includes("$") ? `"${header}"` : quoted(header)}`);
  const data = quoted(JSON.stringify(request));
  const isStream = method.methodKind !== "unary";
  const curl = `curl -sS${isStream ? "N" : ""} ${quoted(url)} -H 'content-type: application/json'${headers.join("")} -d ${data}`;
  const protocol = server.startsWith("https:") ? "" : " --http2-prior-knowledge";
  const buf = `buf curl --protocol grpc${protocol}${headers.join("")} -d ${data} ${quoted(url)}`;
  return { curl, buf };
}

/** One word of a shell. */
function quoted(text: string): string {
  return /^[\w:/.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
