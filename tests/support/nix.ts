import { dirname, join } from "@std/path";
import { removeTree } from "./remove_tree.ts";

/** One path of a closure to be built: what its files hold, and what it needs. */
export interface SmallPath {
  /** The name after the hash. */
  name: string;
  /** The text in its file `content`. @default {the name} */
  content?: string;
  /** Names of earlier paths that it refers to. */
  needs?: readonly string[];
  /** Whether it refers to itself. */
  self?: boolean;
}

/** A Nix store of its own in a temporary folder: no `/nix`, no daemon, no substituter, no sandbox. */
export class NixWorld implements AsyncDisposable {
  /** The folder that holds all of it. */
  readonly dir: string;
  /** Where store paths are, logically and physically. */
  readonly storeDir: string;
  /** The variables that lead Nix there. */
  readonly env: Record<string, string>;

  /** Takes over a folder. */
  constructor(dir: string) {
    this.dir = dir;
    this.storeDir = join(dir, "store");
    this.env = {
      HOME: join(dir, "home"),
      NIX_CONF_DIR: join(dir, "conf"),
      NIX_DATA_DIR: join(dir, "data"),
      NIX_LOG_DIR: join(dir, "log"),
      NIX_REMOTE: "local",
      NIX_STATE_DIR: join(dir, "state"),
      NIX_STORE_DIR: this.storeDir,
      XDG_CACHE_HOME: join(dir, "cache"),
    };
  }

  /** Runs a program of Nix; gives its output. */
  async run(
    program: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this.tryRun(program, args, env);
    if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** Runs a program of Nix, whatever its exit code. */
  async tryRun(
    program: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      env: { ...this.env, ...env },
      cwd: this.dir,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** Builds a closure of small paths with `/bin/sh`; gives the store path of each by its name. */
  async build(paths: readonly SmallPath[]): Promise<Record<string, string>> {
    const lines = paths.map(({ name, content = name, needs = [], self = false }) => {
      const texts = [
        content,
        ...needs.map((need) => `\${${attribute(need)}}`),
        ...(self ? ["$out"] : []),
      ];
      const script = `mkdir -p $out/bin; echo "${texts.join(" ")}" > $out/content; ` +
        `echo "#!/bin/sh" > $out/bin/run; chmod +x $out/bin/run; ln -s bin/run $out/link`;
      return `  ${attribute(name)} = derivation { name = ${
        JSON.stringify(name)
      }; system = builtins.currentSystem; ` +
        `builder = "/bin/sh"; PATH = "/usr/bin:/bin"; args = [ "-c" ''${script}'' ]; };`;
    });
    const file = join(this.dir, `closure-${crypto.randomUUID()}.nix`);
    await Deno.writeTextFile(
      file,
      `let\n${lines.join("\n")}\nin [ ${paths.map((path) => attribute(path.name)).join(" ")} ]\n`,
    );
    const outputs = (await this.run("nix-build", [file, "--no-out-link"])).trim().split("\n");
    return Object.fromEntries(paths.map((path, index) => [path.name, outputs[index]!]));
  }

  /** Removes everything; a Nix store is read-only, which binds root as little as the next line. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Deno.Command("chmod", { args: ["-R", "u+w", this.dir] }).output();
    await removeTree(this.dir);
  }
}

function attribute(name: string): string {
  return `p-${name.replaceAll(/[^A-Za-z0-9]/g, "_")}`;
}

/** Makes a private Nix store. */
export async function startNix(): Promise<NixWorld> {
  const world = new NixWorld(await Deno.makeTempDir({ prefix: "kedge-nix-" }));
  const conf = join(world.env["NIX_CONF_DIR"]!, "nix.conf");
  await Deno.mkdir(dirname(conf), { recursive: true });
  await Deno.mkdir(world.env["HOME"]!, { recursive: true });
  await Deno.writeTextFile(
    conf,
    [
      "experimental-features = nix-command flakes",
      "sandbox = false",
      "substituters =",
      "build-users-group =",
      "auto-optimise-store = false",
      "",
    ].join("\n"),
  );
  return world;
}
