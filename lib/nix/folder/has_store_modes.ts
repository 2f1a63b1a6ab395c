import { lookAtNode } from "../nar/tree_node.ts";

/** Whether all that lies at a path may be read by all and written by nobody, as Nix leaves it; a NAR tells nothing of that. */
export async function hasStoreModes(path: string): Promise<boolean> {
  const { mode, isDirectory, isSymlink } = lookAtNode(path);
  // A system without permission bits has none that are wrong.
  if (mode === null || isSymlink) return true;
  const bits = mode & 0o777;
  if (!isDirectory) return bits === 0o444 || bits === 0o555;
  if (bits !== 0o555) return false;
  for await (const { name } of Deno.readDir(path)) {
    if (!await hasStoreModes(`${path}/${name}`)) return false;
  }
  return true;
}
