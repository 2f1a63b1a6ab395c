/**
 * What shows a run.
 *
 * @module
 */
export { reporterFor } from "./reporter_for.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "./paint.ts";
import "./progress.ts";
import "./text_reporter.ts";
import "./time_left.ts";
import "../base/counted.ts";
import "./failures.ts";
import "./hint_lines.ts";
import "./summary_table.ts";
import "./task_output.ts";
import "../runner/failed_words.ts";
import "./columns.ts";
