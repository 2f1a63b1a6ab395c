import { defined } from "../base/defined.ts";
import { UsageError } from "../base/errors.ts";
import type { Refuse } from "./check_names.ts";
import { checkPermissions } from "./check_permissions.ts";
import { Graph, type GraphNode } from "./graph.ts";
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
  const sets = graph.nodes.map((node) => permissionsOfNode(node, cacheDir));
  const journal = wanted.declared.query ? [] : [ofTheJournal(cacheDir)];
  return joinPermissions([ofTheRunner, ...journal, ...sets]);
}

function permissionsOfNode({ task, args }: GraphNode, cacheDir: string): PermissionSet {
  const refuse: Refuse = (state, hint) => {
    throw new UsageError(
      `Cannot tell the permissions of "${task.name}": ${state}`,
      defined({ hint }),
    );
  };
  const set = task.declared.permissions?.(args, cacheDir);
  if (set === undefined) {
    return refuse("it does not say them", "give its declaration `permissions`");
  }
  checkPermissions(set, refuse);
  return set;
}
