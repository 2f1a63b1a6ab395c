/**
 * `kexec` with what it needs to find its bundle in the cache, and to ask whether it is still so.
 *
 * @module
 */
export { kexecTask } from "./kexec.ts";
import "./run_ready.ts";
import "../../lib/operation/beyond_cache.ts";
import "../kexec/ready.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../kexec/kexec.ts";
