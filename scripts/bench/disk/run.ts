// deno-lint-ignore-file no-console -- a bench speaks to a terminal
/** Runs programs for the bench, and watches them. @module */
import { median } from "../median.ts";

/** What a run cost. */
export interface RunCost {
  /** Wall time in seconds. */
  readonly seconds: number;
  /** The most memory that was resident, in MiB. */
  readonly peakMib: number;
  /** What it printed. */
  readonly stdout: string;
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<RunCost> {
  const started = performance.now();
  const child = new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let peakMib = 0; // The kernel keeps the most, so that a look now and then does.
  const watch = setInterval(async () => {
    const status = await Deno.readTextFile(`/proc/${child.pid}/status`).catch(() => "");
    peakMib = Math.max(peakMib, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  }, 100);
  const { code, stdout, stderr } = await child.output();
  clearInterval(watch);
  const seconds = (performance.now() - started) / 1000;
  const decoder = new TextDecoder();
  if (code !== 0) {
    throw new Error(`${program} ${args.join(" ")}: ended with ${code}: ${decoder.decode(stderr)}`);
  }
  return { seconds, peakMib, stdout: decoder.decode(stdout) };
}

/** Does something while nobody else measures on this machine. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  using lock = await Deno.open("/tmp/bench.lock", { read: true, write: true, create: true });
  await lock.lock(true);
  return await work();
}

/** Measures several ways in turn, each in every round, the first of the round changing; tells each round as it ends. */
export async function inTurn<K extends string>(
  rounds: number,
  ways: Record<K, (round: number) => Promise<number>>,
): Promise<Record<K, number>> {
  const names = Object.keys(ways) as K[];
  const seconds = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    K,
    number[]
  >;
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < names.length; at++) {
      const name = names[(at + round) % names.length]!;
      seconds[name].push(await alone(() => ways[name](round)));
    }
    const told = names.map((name) => `${name} ${seconds[name].at(-1)!.toFixed(2)}`);
    console.error(`round ${round + 1}, seconds: ${told.join(", ")}`);
  }
  return Object.fromEntries(names.map((name) => [name, median(seconds[name])])) as Record<
    K,
    number
  >;
}
