/** The completion scripts, in the shells that they are for. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { runKedge } from "./support/program.ts";
import { writeProgram } from "./support/program_file.ts";
import { realTest } from "./support/real.ts";
import { onTerminal } from "./support/terminal.ts";

/** A folder with the script of a shell, and a `kedge` that writes down its words. */
async function folder(shell: string): Promise<AsyncDisposable & { dir: string }> {
  const dir = await Deno.makeTempDir();
  const { stdout } = await runKedge(["--completions", shell], { cacheDir: join(dir, "cache") });
  await Deno.writeTextFile(join(dir, "comp.sh"), stdout);
  await writeProgram(join(dir, "kedge"), '#!/bin/sh\nprintf "%s\\n" "$@" >words\n');
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

/** What is typed, and the words that the program gets. */
const lines: readonly (readonly [typed: string, ...words: string[]])[] = [
  ["kedge permi\t kex\t", "permissions", "kex"],
  ["kedge publish:k\t", "publish:keygen"],
  ["kedge kexec --sha\t", "kexec", "--sha256"],
  ["kedge kexec --arch aa\t", "kexec", "--arch", "aarch64-linux"],
  ["kedge kexec --arch=aa\t", "kexec", "--arch=aarch64-linux"],
  ["kedge --progress=pl\tkex\t", "--progress=plain", "kexec"],
  ["kedge --jobs 3 disk:pu\tsh comp\t", "--jobs", "3", "disk:push", "comp.sh"],
  ["kedge --lock com\t", "--lock", "comp.sh"],
  ["kedge publish --signing-key com\t", "publish", "--signing-key", "comp.sh"],
  ["kedge -n permi\t kex\t", "-n", "permissions", "kex"],
  ["kedge -nv -j 3 disk:pu\tsh comp\t", "-nv", "-j", "3", "disk:push", "comp.sh"],
  ["kedge -j3 kexec --sha\t", "-j3", "kexec", "--sha256"],
];

for (
  const [shell, command, start] of [
    [
      "bash",
      ["bash", "--norc", "-i"],
      "bind 'set bell-style none'; . ./comp.sh; PS1=; echo ready\n",
    ],
    [
      "zsh",
      ["zsh", "-f", "-i"],
      "unsetopt BEEP ZLE_RC; PS1=; autoload -U compinit; compinit -D; . ./comp.sh; echo ready\n",
    ],
  ] as const
) {
  realTest(`--completions ${shell} completes tasks, flags and their values in a real ${shell}`, [
    shell,
    "script",
  ], async () => {
    await using made = await folder(shell);
    const { dir } = made;
    const terminal = onTerminal("", [], {
      columns: 200,
      cwd: dir,
      env: { PATH: `${dir}:${Deno.env.get("PATH")}`, PS1: "", HISTFILE: "" },
      command,
    });
    await terminal.type(start);
    await terminal.until(/^ready/m);
    for (const [index, [typed, ...words]] of lines.entries()) {
      await terminal.type(`${typed}\necho end ${index}\n`);
      await terminal.until(new RegExp(`^end ${index}\\r?$`, "m"));
      const given = await Deno.readTextFile(join(dir, "words"));
      assertEquals(given.trimEnd().split("\n"), words, typed);
    }
    await terminal.type("exit\n");
    assertEquals(await terminal.code, 0);
  });
}

realTest("--completions fish completes tasks, flags and their values in a real fish", [
  "fish",
], async () => {
  await using made = await folder("fish");
  const { dir } = made;
  const candidates = async (line: string) => {
    const { stdout } = await new Deno.Command("fish", {
      args: ["--no-config", "-c", `source comp.sh; complete -C '${line}'`],
      cwd: dir,
      env: { HOME: dir },
    }).output();
    return new TextDecoder().decode(stdout).trim().split("\n").map((each) => each.split("\t")[0]);
  };
  for (
    const [line, ...expected] of [
      ["kedge permi", "permissions"],
      ["kedge publish:k", "publish:keygen"],
      ["kedge kexec --sha", "--sha256"],
      ["kedge kexec --arch aa", "aarch64-linux"],
      ["kedge kexec --arch=aa", "--arch=aarch64-linux"],
      ["kedge --progress=pl", "--progress=plain"],
      ["kedge --jobs 3 disk:pu", "disk:pull", "disk:push"],
      ["kedge disk:push com", "comp.sh"],
      ["kedge --lock com", "comp.sh"],
      ["kedge publish --signing-key com", "comp.sh"],
      ["kedge --cache-dir=com", "--cache-dir=comp.sh"],
      ["kedge --jobs 3 permi", "permissions"],
      ["kedge -j 3 permi", "permissions"],
      ["kedge -nv permi", "permissions"],
    ] as const
  ) {
    assertEquals(await candidates(line), expected, line);
  }
});
