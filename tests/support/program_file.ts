/**
 * Programs that tests write.
 *
 * Invariants: a program may be run once it is written. Test modules that run side by side are threads of one process: a program that
 * another one starts meanwhile has all open files of this process until it runs, and no system runs what somebody has open for writing.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

/** Writes a program, by a process whose open files nobody else gets. */
export async function writeProgram(path: string, text: string): Promise<void> {
  const child = new Deno.Command("sh", {
    args: ["-c", 'rm -f "$1" && cat >"$1" && chmod 755 "$1"', "sh", path],
    stdin: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  assertEquals((await child.status).code, 0, path);
}
