import { removeTree } from "./remove_tree.ts";

/** Runs something with a folder of its own, which is removed with all that is in it. */
export async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  try {
    await run(folder);
  } finally {
    await removeTree(folder);
  }
}
