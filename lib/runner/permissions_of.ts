import { UsageError } from "../base/errors.ts";
import { Graph } from "./graph.ts";
import { joinPermissions, type PermissionSet } from "./permission_set.ts";
import type { AnyTask } from "./task.ts";

/** What the runner itself uses, whatever the task: the variables that it honours. */
const ofTheRunner: PermissionSet = {
  env: [
    "CI",
    "DENO_JOBS",
    "GITHUB_ACTIONS",
    "HOME",
    "INIT_CWD",
    "KEDGE_CACHE_DIR",
    "KEDGE_CACHE_LOWER",
    "KEDGE_CACHE_TIER",
    "KEDGE_CACHE_TIER_INSECURE",
    "KEDGE_CACHE_TIER_TRUSTED",
    "OTEL_DENO",
    "TERM",
    "XDG_CACHE_HOME",
  ],
};

/** What it uses for a task that does more than answer a question: the journal, and locks of the cache. */
function ofTheJournal(cacheDir: string): PermissionSet {
  return { read: [cacheDir], write: [cacheDir], env: ["KEDGE_LOCK_TIMEOUT"] };
}

/**
 * What a task uses, with all that it waits for and the runner around it.
 *
 * @throws {UsageError} if one of them does not say
 */
export function permissionsOf(wanted: AnyTask, cacheDir: string): PermissionSet {
  const graph = new Graph(Deno.cwd());
  graph.addDeclared(wanted);
  const sets = graph.nodes.map((node) => {
    const set = node.task.declared.permissions?.(node.args, cacheDir);
    if (set !== undefined) return set;
    throw new UsageError(
      `Cannot tell the permissions of "${node.task.name}": it does not say them`,
      {
        hint: "give its declaration `permissions`",
      },
    );
  });
  const journal = wanted.declared.query ? [] : [ofTheJournal(cacheDir)];
  return joinPermissions([ofTheRunner, ...journal, ...sets]);
}
