import type { Flag, Place } from "./model.ts";

export function zshScript(places: readonly Place[], everywhere: readonly Flag[]): string {
  const at = (place: Place) => {
    const words = place.words.flatMap(({ names, about }) =>
      names.map((name) => entry(name, about)),
    );
    const flags = place.flags.flatMap(({ names, about }) =>
      names.map((name) => entry(name, about)),
    );
    return `    ${quote(place.path)}) words=(${words.join(" ")}); flags=(${flags.join(" ")}) ;;`;
  };
  const steps = places.flatMap(({ path, words }) =>
    words
      .map(({ names }) => ({ names, to: path === "" ? (names[0] ?? "") : `${path} ${names[0]}` }))
      .filter(({ to }) => places.some((place) => place.path === to))
      .map(({ names, to }) => {
        const patterns = names.map((name) => quote(`${path}/${name}`)).join("|");
        return `      ${patterns}) at=${quote(to)} ;;`;
      }),
  );
  const values = [
    ...places.flatMap(({ path, flags }) => flags.map((flag) => ({ path: quote(path), flag }))),
    ...everywhere.map((flag) => ({ path: "*", flag })),
  ]
    .filter(({ flag }) => flag.values !== undefined)
    .map(({ path, flag }) => {
      const patterns = flag.names.map((name) => `${path}:${name}`).join("|");
      const reply = flag.isFile ? "_files" : `compadd -- ${(flag.values ?? []).join(" ")}`;
      return `    ${patterns}) ${reply}; return ;;`;
    });
  const common = everywhere.flatMap(({ names, about }) => names.map((name) => entry(name, about)));
  return `#compdef opscore
# zsh completion of opscore: source <(opscore completion zsh)
_opscore() {
  local at="" i
  local -a words_before words flags
  words_before=("\${(@)words[2,CURRENT-1]}")
  for i in "\${words_before[@]}"; do
    case "$at/$i" in
${steps.join("\n")}
    esac
  done
  case "$at:\${words_before[-1]}" in
${values.join("\n")}
  esac
  words=() flags=()
  case "$at" in
${places.map(at).join("\n")}
  esac
  flags+=(${common.join(" ")})
  (( \${#words} )) && _describe command words
  _describe option flags
}
compdef _opscore opscore
`;
}

function entry(name: string, about: string): string {
  return quote(`${name.replaceAll(":", "\\:")}:${about}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
