/**
 * What every run of a built-in task needs. It is loaded at once, since a program waits for each load of its own.
 *
 * @module
 */
import "../../lib/report/reporter_ready.ts";
import "../../lib/runner/admission.ts";
import "../../lib/runner/context_ready.ts";
import "../../lib/runner/run_ready.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
