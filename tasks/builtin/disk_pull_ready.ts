/**
 * `disk:pull` with what it needs to begin. What speaks to a registry comes later: before that, what stands can be hashed.
 *
 * @module
 */
export { diskPullTask } from "./disk.ts";
import "./run_ready.ts";
import "../disk/pull_operation.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../disk/disk.ts";
import "../disk/inspect.ts";
import "./registry_args.ts";
import "../../lib/base/check_options.ts";
import "../../lib/chunk/job_pool.ts";
import "../../lib/chunk/soon_done.ts";
import "../../lib/disk/busy.ts";
import "../../lib/disk/disk_file.ts";
import "../../lib/disk/file_users.ts";
import "../../lib/disk/proof_ahead.ts";
import "../../lib/operation/run_operation.ts";
import "../../lib/runner/context.ts";
import "../shared/in_words.ts";
import "../shared/registry_rules.ts";
import "../disk/options.ts";
import "../shared/collecting_after.ts";
import "../../lib/base/foresee_names.ts";
import "../../lib/base/own_uid.ts";
import "../../lib/disk/mount_of.ts";
import "../../lib/chunk/check_rows.ts";
import "../../lib/chunk/chunk_table.ts";
import "../../lib/chunk/common_rows.ts";
import "../../lib/chunk/most_workers.ts";
import "../../lib/disk/known_files.ts";
import "../../lib/operation/operation_meter.ts";
import "../../lib/base/failing_disk.ts";
import "../../lib/base/in_parallel.ts";
import "../../lib/chunk/places.ts";
import "../../lib/chunk/digest_column.ts";
import "../../lib/chunk/chunker.ts";
import "../../lib/chunk/decode_index.ts";
import "../../lib/chunk/encode_index.ts";
import "../../lib/disk/keep_bytes.ts";
import "../../lib/base/free_memory.ts";
import "../../lib/chunk/check_index.ts";
import "../../lib/chunk/column_reader.ts";
import "../../lib/chunk/index_header.ts";
import "../../lib/chunk/index_layout.ts";
import "../../lib/chunk/read_index.ts";
import "../../lib/chunk/read_rows.ts";
import "../../lib/chunk/zstd.ts";
import "../../lib/chunk/stored_frame.ts";
import "../../lib/chunk/digest_lookup.ts";
import "../../lib/chunk/index_directory.ts";
import "../../lib/chunk/read_places.ts";
import "../../lib/base/zlib.ts";
import "../../lib/chunk/digest_hash.ts";
