/** Tests that need a real program beside Deno: counted as skipped, with the reason, where it is not installed. */
import { delimiter } from "node:path";

const fallbackFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Where a program is, or `undefined`. */
export function findProgram(name: string): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(delimiter), ...fallbackFolders];
  for (const folder of folders) {
    const path = `${folder}/${name}`;
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** A test that runs only where these programs are; elsewhere its name tells what is missing. */
export function realTest(
  name: string,
  programs: readonly string[],
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const missing = programs.filter((program) => findProgram(program) === undefined);
  Deno.test({
    name: missing.length === 0 ? name : `${name} [missing: ${missing.join(", ")}]`,
    ignore: missing.length > 0,
    fn,
  });
}
