import { type Command, command, type Table } from "../command.ts";

/** `table` is asked for when the command runs: it holds this command too. */
export function completionCommand(table: () => Table): Command {
  return command({
    path: "completion",
    summary: "print the completion script of a shell",
    description:
      "Print the completion script of a shell. bash: `source <(opscore completion bash)` in ~/.bashrc. zsh: `source <(opscore completion zsh)` in ~/.zshrc, after compinit. fish: `opscore completion fish > ~/.config/fish/completions/opscore.fish`.",
    arguments: { shell: { about: "which", choices: ["bash", "zsh", "fish"] } },
    examples: [
      {
        run: "source <(opscore completion bash) && complete -p opscore",
        shows: /-F _opscore opscore/,
      },
      { run: "opscore completion fish", shows: /^# fish completion of opscore/ },
    ],
    async run(context, { shell }) {
      const { scriptOf } = await import("./script.ts");
      await context.write(scriptOf(shell, table()));
    },
  });
}
