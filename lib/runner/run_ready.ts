/**
 * What runs a task.
 *
 * @module
 */
export { runTask } from "./run_task.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../base/long_timeout.ts";
import "../base/files.ts";
import "../cache/check_project.ts";
import "../cache/own_folder.ts";
import "../cache/cache_dir.ts";
import "../cache/refresh.ts";
import "../journal/journal.ts";
import "./journal_warning.ts";
import "./ambient.ts";
import "./execution.ts";
import "./graph.ts";
import "./lockfile_choice.ts";
import "./run_outcome.ts";
import "./tell_idle_names.ts";
import "../base/lies_in.ts";
import "../base/atomic_file.ts";
import "../cache/markers.ts";
import "../journal/journal_file.ts";
import "../journal/read_row.ts";
import "./failed_words.ts";
import "./figures_of.ts";
import "./load_shell.ts";
import "./node_waits.ts";
import "./refused_context.ts";
import "./semaphore.ts";
import "./task_attempts.ts";
import "./plain_data.ts";
import "../base/canonical_path.ts";
import "../base/sync_data.ts";
import "../base/sqlite.ts";
import "../base/counted.ts";
import "../base/all_granted.ts";
import "../base/disk_space.ts";
