// deno-lint-ignore-file no-console -- a script speaks to a terminal
import { walk } from "@std/fs";
import { fromFileUrl } from "@std/path";
import { runProcess } from "../../../lib/base/process_group.ts";
import type { ImagePath } from "../../../tests/support/nix_store_image.ts";

/** The program as it is started, but for its arguments. */
export const deno: readonly string[] = [Deno.execPath(), "run", "-A"];
/** The built-in program. */
export const program = fromFileUrl(new URL("../../../tasks/builtin/cli.ts", import.meta.url));
/** How many times each is measured. */
export const pairs = Number(Deno.env.get("KEDGE_BENCH_PAIRS") ?? "3");

/** Runs a command that must succeed; gives the seconds that it took, and what it printed. */
export async function timed(
  command: readonly string[],
): Promise<{ seconds: number; stdout: string }> {
  const begin = performance.now();
  const { code, stdout, stderr } = await runProcess(command[0]!, {
    args: command.slice(1),
    env: { NO_COLOR: "1" },
  });
  const seconds = (performance.now() - begin) / 1000;
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
  return { seconds, stdout };
}

/** Prints a row of a table. */
export function row(...cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

/** Prints the head of a table. */
export function head(...cells: readonly string[]): void {
  row(...cells);
  row(...cells.map(() => "---"));
}

/** Millions of bytes. */
export function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

/** Milliseconds. */
export function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`;
}

/** Every so many files of this machine's system, 160 MB in 100 store paths; each tenth path is another version's alone. */
export async function systemPaths(tag: string): Promise<ImagePath[]> {
  const files: { path: string; size: number }[] = [];
  for (const folder of ["/usr/lib", "/usr/share"]) {
    for await (const { path, isFile } of walk(folder, { includeDirs: false })) {
      if (isFile) files.push({ path, size: (await Deno.stat(path)).size });
    }
  }
  const kept = files.filter(({ size }) => size < 20e6).sort((a, b) => a.path < b.path ? -1 : 1);
  const stride = Math.ceil(kept.reduce((sum, { size }) => sum + size, 0) / 160e6);
  const chosen = kept.filter((_, i) => i % stride === 0).map(({ path }) => path);
  return Array.from({ length: 100 }, (_, i) => ({
    name: i % 10 === 0 ? `part-${i}-${tag}` : `part-${i}`,
    copies: chosen.slice(chosen.length * i / 100, chosen.length * (i + 1) / 100),
    ...(i % 10 < 2 ? {} : { needs: [`part-${i - 1}`] }),
  }));
}
