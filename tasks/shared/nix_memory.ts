import type { WorkFolder } from "../../lib/nix/work_folder.ts";
import type { TaskContext } from "../../lib/runner/context.ts";

/**
 * Makes folders for what Nix remembers of a store while it is asked: in the cache, where prune takes what a killed process left. A dry run,
 * which leaves the cache alone, has them among the temporary files of the system.
 */
export function nixMemory({ cache, dryRun }: TaskContext): () => Promise<WorkFolder> {
  if (!dryRun) return () => cache.temporaryFolder("nix");
  return async () => {
    const path = await Deno.makeTempDir({ prefix: "kedge-nix-cache-" });
    return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
  };
}
