import { fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** How a run of a program ended. */
export interface ProgramResult {
  /** The exit code. */
  code: number;
  /** Standard output. */
  stdout: string;
  /** Standard error. */
  stderr: string;
}

/** Options of {@linkcode runKedge}. */
export interface RunKedgeOptions {
  /** The cache folder. */
  cacheDir: string;
  /** Variables added to the environment. */
  env?: Record<string, string>;
  /** The working folder. */
  cwd?: string;
  /** The task file. @default {the built-in one} */
  program?: string;
  /** A folder that it may not read. @default {it may read all} */
  denyRead?: string;
  /** The permission bits that it takes away from what it makes: `077`. @default {those of this process} */
  umask?: string;
  /** The size of the largest file that it may write, in blocks of 512 bytes, as a file system has one. @default {that of this process} */
  fileBlocks?: number;
  /** Where the shell leads its output: `2>/dev/full`. @default {to this process} */
  redirect?: string;
  /** Whether the permissions of files bind it, even if this process is root's. @default {false} */
  bound?: boolean;
  /** The groups that it is in, where it is bound. @default {those of this process} */
  groups?: readonly number[];
  /** Whether it knows no user but its own, as in a container that is not root's. @default {false} */
  alone?: boolean;
}

/** What takes from root the right to pass over the permissions of files, and to give them away. */
const unbound = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-chown,-fowner"];

/** Deno's own cache stays where it is when a test moves the home folder: otherwise each program would fetch and compile all anew. */
function denoDir(): { DENO_DIR?: string } {
  const named = Deno.env.get("DENO_DIR");
  if (named !== undefined) return { DENO_DIR: named };
  const home = Deno.env.get("HOME");
  if (Deno.build.os !== "linux" || home === undefined) return {};
  return { DENO_DIR: join(Deno.env.get("XDG_CACHE_HOME") ?? join(home, ".cache"), "deno") };
}

/** Starts the built-in program, or another task file, in a process of its own. */
export function spawnKedge(args: readonly string[], options: RunKedgeOptions): Deno.ChildProcess {
  const { umask, fileBlocks, redirect, groups } = options;
  const shell = (script: string) => ["sh", "-c", script, "sh"];
  const wrapped = [
    ...(umask === undefined ? [] : shell(`umask ${umask} && exec "$@"`)),
    ...(fileBlocks === undefined
      ? []
      : shell(`trap "" XFSZ && ulimit -f ${fileBlocks} && exec "$@"`)),
    ...(redirect === undefined ? [] : shell(`exec "$@" ${redirect}`)),
    ...options.bound && Deno.uid() === 0 ? unbound : [],
    ...groups === undefined ? [] : ["--groups", groups.join(",")],
    ...options.alone ? ["unshare", "-Ur"] : [],
  ];
  const [program = "", ...before] = [...wrapped, Deno.execPath()];
  return new Deno.Command(program, {
    args: [
      ...before,
      "run",
      "-A",
      ...(options.denyRead === undefined ? [] : [`--deny-read=${options.denyRead}`]),
      "--config",
      `${root}deno.json`,
      options.program ?? `${root}tasks/builtin/cli.ts`,
      ...args,
    ],
    env: { NO_COLOR: "1", KEDGE_CACHE_DIR: options.cacheDir, ...denoDir(), ...options.env },
    cwd: options.cwd ?? root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs the built-in program, or another task file, to its end. */
export async function runKedge(
  args: readonly string[],
  options: RunKedgeOptions,
): Promise<ProgramResult> {
  const { code, stdout, stderr } = await spawnKedge(args, options).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
