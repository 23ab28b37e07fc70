/** The first lines of every page that is made from a table. */
export function heading(title: string, source: string): string {
  return `# ${title}\n\n<!-- Made from ${source} by npm run gen. Do not edit. -->\n`;
}

export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return line(columns) + line(columns.map(() => "---")) + rows.map(line).join("");
}

export function code(text: string): string {
  return `\`${text}\``;
}
