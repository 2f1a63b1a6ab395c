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
import { main } from "../../lib/report/main.ts";
import { askedTasks } from "./asked_tasks.ts";
import "../../lib/runner/check_task.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../../lib/base/errors.ts";
import "../../lib/base/live_processes.ts";
import "../../lib/base/redactor.ts";
import "../../lib/operation/error_data.ts";
import "../../lib/runner/program.ts";
import "../../lib/report/output.ts";
import "../../lib/report/visible.ts";
import "../../lib/base/duration.ts";
import "../../lib/runner/flag_name.ts";
import "../../lib/runner/retry.ts";
import "../../lib/runner/takes_context.ts";
import "../../lib/http/display_url.ts";
import "../../lib/runner/command_line.ts";
import "../../lib/runner/permissions_task.ts";
import "../../lib/runner/task_file.ts";
import "../../lib/runner/parse_flags.ts";
import "../../lib/runner/resolve_args.ts";
import "../../lib/runner/settings.ts";
import "../../lib/runner/arg_builder.ts";
import "../../lib/runner/task.ts";
import "../../lib/runner/nearest.ts";
import "../../lib/base/plain_path.ts";
import "../../lib/base/defined.ts";
import "../../lib/runner/make_arg.ts";
import "../../lib/runner/numeric_arg.ts";
import "../../lib/base/bytes.ts";

/** Runs the built-in tasks that the command line names, and ends the process. */
export async function kedge(): Promise<void> {
  await main(await askedTasks(Deno.args), { name: "kedge", shell: false, lockfile: false });
}

if (import.meta.main) await kedge();
