import { arg } from "./arg_builder.ts";
import type { PermissionSet } from "./permission_set.ts";
import { type AnyTask, task } from "./task.ts";
import { findTask, type TaskMap } from "./task_file.ts";

/** The task that prints which permissions other tasks use, as the `permissions` block of deno.json. */
export function permissionsTask(tasks: TaskMap): AnyTask {
  return task({
    name: "permissions",
    description: "Print the Deno permissions that tasks use, for deno.json",
    query: true,
    permissions: {},
    args: {
      tasks: arg.list(
        arg.string({
          description: "The names of the tasks, as --list shows them",
          example: "kexec",
        }),
        {
          positional: true,
          required: true,
        },
      ),
    },
    run: async ({ args, cache }) => {
      const { permissionsOf } = await import("./permissions_of.ts");
      const sets: Record<string, PermissionSet> = {};
      for (const name of args.tasks) {
        sets[name.replaceAll(":", "-")] = permissionsOf(findTask(tasks, name), cache.dir);
      }
      return { permissions: sets };
    },
    output: (result) => JSON.stringify(result, null, 2),
  });
}
