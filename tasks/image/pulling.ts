/**
 * What a copy into a layout needs once something has to move, loaded as one.
 *
 * @module
 */
import "../../lib/oci/layout/layout_intake.ts";
import "../../lib/oci/registry/read_blob.ts";
import "../../lib/oci/layout/take_file.ts";
import "./moving.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../../lib/http/control_file.ts";
import "../../lib/http/plan_pieces.ts";
import "../../lib/oci/layout/left_parts.ts";
import "../../lib/oci/registry/stream_into_file.ts";
import "../../lib/oci/wrong_digest.ts";
import "../../lib/base/late_signals.ts";
import "../../lib/http/coming_bytes.ts";
import "../../lib/http/retry_policy.ts";
import "../../lib/oci/registry/range_refused_error.ts";
import "../../lib/oci/check_blob_file.ts";
import "../../lib/oci/copy/copy_set.ts";
import "./known.ts";
import "../../lib/http/extents.ts";
import "../../lib/http/sound_control.ts";
import "../../lib/base/steady_sync.ts";
import "../../lib/oci/copy/copy_move.ts";
import "../../lib/oci/layout/layout_destination.ts";
import "../../lib/oci/copy/renewed_list.ts";
import "../../lib/oci/layout/layout.ts";
import "../../lib/http/part_sums.ts";
import "../../lib/oci/registry/last_bytes.ts";
import "../../lib/oci/layout/is_layout.ts";
import "../../lib/oci/layout/layout_blobs.ts";
import "../../lib/oci/layout/read_small_file.ts";
import "../../lib/oci/layout/while_written.ts";
import "../../lib/base/zlib.ts";
import "../../lib/base/left_temporaries.ts";
import "../../lib/base/temporary_owner.ts";
