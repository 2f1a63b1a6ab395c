/**
 * What every file of tasks needs to read its command line.
 *
 * @module
 */
export * from "./main.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../base/defined.ts";
import "../base/errors.ts";
import "../base/granted_variable.ts";
import "../base/live_processes.ts";
import "../base/redactor.ts";
import "../base/thrown_at.ts";
import "../operation/error_data.ts";
import "../runner/declaring.ts";
import "../runner/program.ts";
import "./output.ts";
import "./visible.ts";
import "../base/is_granted.ts";
import "../base/request_words.ts";
import "../http/display_url.ts";
import "../runner/command_line.ts";
import "../runner/permissions_task.ts";
import "../runner/task_file.ts";
import "../runner/flag_name.ts";
import "../runner/parse_flags.ts";
import "../runner/resolve_args.ts";
import "../runner/settings.ts";
import "../runner/arg_builder.ts";
import "../runner/task.ts";
import "../base/nearest.ts";
import "../base/listed.ts";
import "../base/names_folder.ts";
import "../base/plain_path.ts";
import "../runner/make_arg.ts";
import "../runner/numeric_arg.ts";
import "../runner/check_task.ts";
import "../base/bytes.ts";
import "../base/duration.ts";
import "../runner/check_declared.ts";
import "../runner/retry.ts";
import "../runner/takes_context.ts";
import "../runner/check_names.ts";
import "../runner/check_permissions.ts";
import "../runner/permission_set.ts";
