import { type Flag, type Place, stepsOf } from "./model.ts";

export function fishScript(places: readonly Place[], everywhere: readonly Flag[]): string {
  const steps = stepsOf(places).map(({ from, names, to }) => {
    const patterns = names.map((name) => quote(`${from}/${name}`)).join(" ");
    return `      case ${patterns}\n        set path ${quote(to)}`;
  });
  const lines = places.flatMap((place) => {
    const at = `-n ${quote(`__opscore_at ${quote(place.path)}`)}`;
    return [
      ...place.words.flatMap(({ names, about }) =>
        names.map((name) => `complete -c opscore ${at} -a ${quote(name)} -d ${quote(about)}`),
      ),
      ...place.flags.map((flag) => `complete -c opscore ${at} ${flagOf(flag)}`),
    ];
  });
  return `# fish completion of opscore: opscore completion fish | source
function __opscore_at
  set -l path ''
  for word in (commandline -opc)[2..]
    switch "$path/$word"
${steps.join("\n")}
    end
  end
  test "$path" = "$argv[1]"
end
complete -c opscore -f
${everywhere.map((flag) => `complete -c opscore ${flagOf(flag)}`).join("\n")}
${lines.join("\n")}
`;
}

function flagOf({ names, about, values, isFile }: Flag): string {
  const spelled = names.map((name) =>
    name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  const value = values === undefined ? "" : isFile ? " -r -F" : " -x";
  const choices =
    values === undefined || values.length === 0 ? "" : ` -a ${quote(values.join(" "))}`;
  return `${spelled.join(" ")}${value}${choices} -d ${quote(about)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
