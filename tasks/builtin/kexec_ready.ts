/**
 * `kexec` with what it needs to find its bundle in the cache, and to ask whether it is still so.
 *
 * @module
 */
export { kexecTask } from "./kexec.ts";
import "./run_ready.ts";
import "../../lib/operation/beyond_cache.ts";
import "../kexec_download.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../../lib/runner/task.ts";
import "../kexec.ts";
import "../kexec_release.ts";
import "../../lib/cache/wait_for_leader.ts";
import "../../lib/http/client.ts";
import "../../lib/http/probe.ts";
import "../../lib/http/transport.ts";
import "../../lib/operation/beyond_planner.ts";
import "../../lib/kexec/release_asset.ts";
import "../../lib/operation/cached_download.ts";
import "../../lib/operation/run_operation.ts";
import "../../lib/runner/check_task.ts";
import "../../lib/base/late_signals.ts";
import "../../lib/base/meter.ts";
import "../../lib/http/hold_response.ts";
import "../../lib/http/request_headers.ts";
import "../../lib/http/retry_policy.ts";
import "../../lib/http/content_range.ts";
import "../../lib/http/freshness_lifetime.ts";
import "../../lib/http/stated_digest.ts";
import "../../lib/http/validators.ts";
import "../../lib/cache/download_entry.ts";
import "../../lib/operation/download_planner.ts";
import "../../lib/operation/origin_source.ts";
import "../../lib/operation/tier_source.ts";
import "../../lib/operation/operation_meter.ts";
import "../../lib/runner/takes_context.ts";
import "../../lib/cache/download_record.ts";
import "../../lib/cache/freshness.ts";
import "../../lib/cache/named_file.ts";
import "../../lib/cache/url_key.ts";
import "../../lib/operation/download_identity.ts";
import "../../lib/operation/download_plan.ts";
import "../../lib/operation/published.ts";
