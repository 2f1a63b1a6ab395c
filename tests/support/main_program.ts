/** The program of a task file whose tasks do what the tests of it need. @module */
import { fromFileUrl } from "@std/path";
import { type ProgramResult, runKedge, type RunKedgeOptions } from "./program.ts";

/** The task file. */
export const program = fromFileUrl(new URL("../lib/report/fixtures/tasks.ts", import.meta.url));

/** Gives what something gives that runs with a folder of its own, by the real path of that. */
export async function withFolder<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    return await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Runs the tasks of the fixture with a cache folder of their own. */
export function run(
  args: readonly string[],
  options: Partial<RunKedgeOptions> = {},
): Promise<ProgramResult> {
  return withFolder((cacheDir) => runKedge(args, { cacheDir, program, ...options }));
}

/** The objects that --json printed. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}
