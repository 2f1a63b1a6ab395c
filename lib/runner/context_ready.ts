/**
 * What makes the contexts of tasks, with the cache that they use.
 *
 * @module
 */
import "../base/disk_space.ts";
export { runContext } from "./run_context.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../cache/lockfile.ts";
import "../cache/open_cache.ts";
import "./context_within.ts";
import "../oci/reference.ts";
import "../cache/cache.ts";
import "../cache/lazy_tier.ts";
import "./lazy_shell.ts";
import "./secrets.ts";
import "../base/digest_text.ts";
import "../oci/reference_grammar.ts";
import "../oci/refused_reference.ts";
import "../base/digest.ts";
import "../base/file_lock.ts";
import "../cache/archive_store.ts";
import "../cache/blob_store.ts";
import "../cache/buckets.ts";
import "../cache/cache_shard.ts";
import "../cache/leases.ts";
import "../cache/lock_timeout.ts";
import "../cache/partials.ts";
import "../cache/shared_lock.ts";
import "../base/secret.ts";
import "../base/short_sha256.ts";
import "../base/hash_file.ts";
import "../cache/bucket.ts";
import "../cache/cache_entry.ts";
import "../cache/entry_file.ts";
import "../base/process_identity.ts";
import "../cache/read_envelope.ts";
import "../cache/entry_shape.ts";
