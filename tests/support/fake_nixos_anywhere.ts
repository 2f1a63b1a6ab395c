import { join } from "@std/path";
import { writeProgram } from "./program_file.ts";

/** What a fake nixos-anywhere shall do. */
export interface FakeBehaviour {
  /** The code that it ends with. @default {0} */
  code?: number;
  /** Shell commands that it runs before it ends. */
  script?: string;
}

/** How a fake was called. */
export interface FakeCall {
  /** The arguments. */
  args: string[];
  /** The environment. */
  env: Record<string, string>;
}

/** A program that stands in for nixos-anywhere and writes down how it was called. */
export interface FakeNixosAnywhere {
  /** The program. */
  readonly program: string;
  /** The folder that it is in. */
  readonly bin: string;
  /** How it was called, call by call. */
  calls(): Promise<FakeCall[]>;
  /** How it was called, when that was once. */
  onlyCall(): Promise<FakeCall>;
}

/** Writes a fake nixos-anywhere into a folder. */
export async function fakeNixosAnywhere(
  folder: string,
  behaviour: FakeBehaviour = {},
): Promise<FakeNixosAnywhere> {
  const bin = join(folder, "fake bin");
  const log = join(folder, "calls");
  const program = join(bin, "nixos-anywhere");
  await Deno.mkdir(bin, { recursive: true });
  await Deno.mkdir(log, { recursive: true });
  await writeProgram(
    program,
    `#!/bin/sh
call='${log}'/$(ls '${log}' | wc -l)-$$
mkdir "$call"
for arg; do printf '%s\\0' "$arg"; done >"$call/args"
env -0 >"$call/env"
echo "### Gathering machine facts ###"
${behaviour.script ?? ""}
exit ${behaviour.code ?? 0}
`,
  );
  const calls = async () => {
    const entries = await Array.fromAsync(Deno.readDir(log));
    const names = entries.map((entry) => entry.name).sort((a, b) => parseInt(a) - parseInt(b));
    return await Promise.all(names.map(async (name) => ({
      args: await list(join(log, name, "args")),
      env: Object.fromEntries(
        (await list(join(log, name, "env"))).map((line) => {
          const at = line.indexOf("=");
          return [line.slice(0, at), line.slice(at + 1)];
        }),
      ),
    })));
  };
  return {
    program,
    bin,
    calls,
    async onlyCall() {
      const [call, ...others] = await calls();
      if (call === undefined || others.length > 0) throw new Error("it was not called once");
      return call;
    },
  };
}

async function list(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path)).split("\0").slice(0, -1);
}
