import { walk } from "@std/fs";
import { relative } from "@std/path";
import { sha256 } from "../../lib/base/digest.ts";

/**
 * Every file and folder below a root (folders end with `/`), each file with its contents as Latin-1 text, or with their
 * digest where they are large: to see that nothing changed. A root that is not there is an empty tree.
 */
export async function treeOf(root: string): Promise<Map<string, string>> {
  const tree = new Map<string, string>();
  try {
    for await (const entry of walk(root)) {
      const name = relative(root, entry.path);
      if (entry.isDirectory) tree.set(`${name}/`, "");
      else tree.set(name, summary(await Deno.readFile(entry.path)));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function summary(bytes: Uint8Array): string {
  return bytes.length > 64 * 1024 ? sha256(bytes) : new TextDecoder("latin1").decode(bytes);
}
