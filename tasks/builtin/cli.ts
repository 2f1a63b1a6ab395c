/**
 * The program `kedge`: the built-in tasks, without the library around them. What a task file may import takes longer to load than a
 * task takes that finds its work done.
 *
 * @example
 * ```sh
 * deno run -A jsr:@kedge/kedge/cli --list
 * ```
 *
 * @module
 */
import { main } from "../../lib/report/start.ts";
import { askedTasks } from "./asked_tasks.ts";
import { version } from "./version.ts";
import "../../lib/runner/check_task.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.

/** Runs the built-in tasks that the command line names, and ends the process. */
export async function kedge(): Promise<void> {
  await main(await askedTasks(Deno.args), {
    name: "kedge",
    version,
    shell: false,
    lockfile: false,
  });
}

if (import.meta.main) await kedge();
