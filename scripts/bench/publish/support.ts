// deno-lint-ignore-file no-console -- a script speaks to a terminal
import { fromFileUrl, join } from "@std/path";
import type { NixWorld } from "../../../tests/support/nix.ts";

const program = fromFileUrl(new URL("../../../tasks/builtin/cli.ts", import.meta.url));
/** How many pairs a row takes. */
export const pairs = Number(Deno.env.get("KEDGE_BENCH_PAIRS") ?? "5");
const lock = Deno.env.get("KEDGE_BENCH_LOCK");

/** How a run went. */
export interface Run {
  seconds: number;
  residentBytes: number;
  code: number;
  stderr: string;
}

/** Runs a command under `time`, and under a lock that keeps other measurements out where one is named. */
export async function timed(
  world: NixWorld,
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<Run> {
  const report = join(world.dir, `time-${crypto.randomUUID()}`);
  const whole = [
    ...(lock === undefined ? [] : ["flock", lock]),
    ...["/usr/bin/time", "-f", "%e %M", "-o", report, ...command],
  ];
  const { code, stderr } = await new Deno.Command(whole[0]!, {
    args: whole.slice(1),
    env: { ...world.env, HOME: Deno.env.get("HOME") ?? "/", XDG_CACHE_HOME: "", ...env },
    stdout: "null",
    stderr: "piped",
  }).output();
  const [seconds = 0, kilobytes = 0] = (await Deno.readTextFile(report)).trim().split("\n").at(-1)!
    .split(" ").map(Number);
  await Deno.remove(report);
  return {
    seconds,
    residentBytes: kilobytes * 1024,
    code,
    stderr: new TextDecoder().decode(stderr),
  };
}

/** The command that publishes. */
export function kedge(
  paths: readonly string[],
  stores: readonly string[],
  dir: string,
): string[] {
  return [
    ...[Deno.execPath(), "run", "-A", program, "publish", ...paths],
    ...stores.flatMap((store) => ["--to", store]),
    ...[
      "--catalog",
      `sqlite://${dir}/catalog.db`,
      "--name",
      "bench",
      "--version",
      "1",
      "--quiet",
    ],
    ...["--cache-dir", `${dir}/cache`],
  ];
}

let runs = 0;

/**
 * An empty folder for one run. What the runs before it left goes with the world: a file system that has just removed thousands of files is
 * slower at making new ones for minutes.
 */
export async function fresh(world: NixWorld): Promise<string> {
  const dir = join(world.dir, `bench-${runs++}`);
  await Deno.mkdir(dir);
  await Deno.chmod(dir, 0o777);
  // Whoever syncs would otherwise wait for what others left to be written.
  await new Deno.Command("sync").output();
  return dir;
}

/** Prints one row. */
export function row(name: string, ...cells: string[]): void {
  console.log([name.padEnd(50), ...cells.map((cell) => cell.padStart(14))].join(" "));
}

/** The bytes of all files in a folder. */
export async function bytesIn(dir: string): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(dir)) {
    const path = join(dir, entry.name);
    // A temporary file may be gone by now.
    const size = () => Deno.stat(path).then((info) => info.size, () => 0);
    bytes += entry.isDirectory ? await bytesIn(path) : await size();
  }
  return bytes;
}
