import { type Flag, type Place, stepsOf, valueFlags } from "./model.ts";

export function bashScript(places: readonly Place[], everywhere: readonly Flag[]): string {
  return `# bash completion of opscore: source <(opscore completion bash)
_opscore() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path/\${COMP_WORDS[i]}" in
${steps(places)}
    esac
  done
  case "$path:$prev" in
${values(places, everywhere)}
  esac
  case "$path" in
${nexts(places)}
  esac
  [[ $cur == -* ]] && words="$words ${namesOf(everywhere)}"
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _opscore opscore
`;
}

function steps(places: readonly Place[]): string {
  return stepsOf(places)
    .map(({ from, names, to }) => {
      const patterns = names.map((name) => `"${from}/${name}"`).join(" | ");
      return `      ${patterns}) path="${to}" ;;`;
    })
    .join("\n");
}

function nexts(places: readonly Place[]): string {
  return places
    .map(({ path, words, flags }) => {
      const names = words.flatMap((word) => word.names).join(" ");
      return `    "${path}") words="${[names, namesOf(flags)].join(" ").trim()}" ;;`;
    })
    .join("\n");
}

/** What may follow a flag that takes a value. */
function values(places: readonly Place[], everywhere: readonly Flag[]): string {
  return valueFlags(places, everywhere)
    .map(({ path, flag }) => {
      const at = path === undefined ? "*" : `"${path}"`;
      const patterns = flag.names.map((name) => `${at}:${name}`).join(" | ");
      const reply = flag.isFile ? "-f" : `-W "${(flag.values ?? []).join(" ")}"`;
      return `    ${patterns}) COMPREPLY=($(compgen ${reply} -- "$cur")); return ;;`;
    })
    .join("\n");
}

function namesOf(flags: readonly Flag[]): string {
  return flags.flatMap(({ names }) => names).join(" ");
}
