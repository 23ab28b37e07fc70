import { type Flag, type Place, stepsOf, valueFlags, type Word } from "./model.ts";

export function zshScript(places: readonly Place[], everywhere: readonly Flag[]): string {
  const steps = stepsOf(places).map(({ from, names, to }) => {
    const patterns = names.map((name) => quote(`${from}/${name}`)).join("|");
    return `      ${patterns}) place=${quote(to)} ;;`;
  });
  const values = valueFlags(places, everywhere).map(({ path, flag }) => {
    const at = path === undefined ? "*" : quote(path);
    const patterns = flag.names.map((name) => `${at}:${name}`).join("|");
    const reply = flag.isFile ? "_files" : `compadd -- ${(flag.values ?? []).join(" ")}`;
    return `    ${patterns}) ${reply}; return ;;`;
  });
  const nexts = places.map(
    ({ path, words, flags }) =>
      `    ${quote(path)}) next=(${entries(words)}); flags=(${entries(flags)}) ;;`,
  );
  return `#compdef opscore
# zsh completion of opscore: source <(opscore completion zsh)
_opscore() {
  local place="" word
  local -a next flags
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$place/$word" in
${steps.join("\n")}
    esac
  done
  case "$place:\${words[CURRENT-1]}" in
${values.join("\n")}
  esac
  case "$place" in
${nexts.join("\n")}
  esac
  flags+=(${entries(everywhere)})
  (( \${#next} )) && _describe command next
  _describe -o option flags
}
compdef _opscore opscore
`;
}

function entries(list: readonly (Word | Flag)[]): string {
  return list.flatMap(({ names, about }) => names.map((name) => entry(name, about))).join(" ");
}

function entry(name: string, about: string): string {
  return quote(`${name.replaceAll(":", "\\:")}:${about}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
