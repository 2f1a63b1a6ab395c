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
