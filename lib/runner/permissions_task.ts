import { UsageError } from "../base/errors.ts";
import { defaultCacheDir } from "../cache/cache_dir.ts";
import { arg } from "./arg_builder.ts";
import { Graph } from "./graph.ts";
import { joinPermissions, type PermissionSet } from "./permission_set.ts";
import { type AnyTask, task } from "./task.ts";
import { findTask, type TaskMap } from "./task_file.ts";

/** What the runner itself uses, whatever the task: the journal in the cache folder, and the variables it honours. */
function ofTheRunner(cacheDir: string): PermissionSet {
  return {
    read: [cacheDir],
    write: [cacheDir],
    env: [
      "CI",
      "DENO_JOBS",
      "FORCE_COLOR",
      "GITHUB_ACTIONS",
      "HOME",
      "INIT_CWD",
      "KEDGE_CACHE_DIR",
      "KEDGE_CACHE_LOWER",
      "KEDGE_CACHE_TIER",
      "KEDGE_CACHE_TIER_INSECURE",
      "KEDGE_LOCK_TIMEOUT",
      "NO_COLOR",
      "TERM",
      "XDG_CACHE_HOME",
    ],
  };
}

/** The task that prints which permissions other tasks use, as the `permissions` block of deno.json. */
export function permissionsTask(tasks: TaskMap): AnyTask {
  return task({
    name: "permissions",
    description: "Print the permissions that tasks use, for deno.json",
    query: true,
    args: {
      tasks: arg.list(arg.string({ description: "Tasks", example: "kexec" }), {
        positional: true,
        required: true,
      }),
    },
    run: ({ args, cache }) => {
      const sets: Record<string, PermissionSet> = {};
      for (const name of args.tasks) {
        sets[name.replaceAll(":", "-")] = permissionsOf(findTask(tasks, name), cache.dir);
      }
      return { permissions: sets };
    },
    output: (result) => JSON.stringify(result, null, 2),
  });
}

/** What a task uses, with all that it waits for. */
function permissionsOf(wanted: AnyTask, cacheDir = defaultCacheDir()): PermissionSet {
  const graph = new Graph(Deno.cwd());
  graph.addDeclared(wanted);
  const sets = graph.nodes.map((node) => {
    const set = node.task.declared.permissions?.(node.args);
    if (set !== undefined) return set;
    throw new UsageError(
      `Cannot tell the permissions of "${node.task.name}": it does not say them`,
      {
        hint: "give its declaration `permissions`",
      },
    );
  });
  return joinPermissions([ofTheRunner(cacheDir), ...sets]);
}
