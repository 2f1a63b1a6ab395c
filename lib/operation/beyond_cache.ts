/**
 * What a download needs once the cache alone cannot answer. It is loaded as one, and only then: each load of its own would take
 * longer than reading what it brings.
 *
 * @module
 */
export { waitForLeader } from "../cache/wait_for_leader.ts";
export { HttpClient } from "../http/client.ts";
export { probe } from "../http/probe.ts";
export { Transport } from "../http/transport.ts";
export { BeyondPlanner } from "./beyond_planner.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../base/late_signals.ts";
import "../http/hold_response.ts";
import "../http/request_headers.ts";
import "../http/retry_policy.ts";
import "../http/content_range.ts";
import "../http/freshness_lifetime.ts";
import "../http/stated_digest.ts";
