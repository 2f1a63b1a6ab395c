/**
 * `image:sync` with what it needs to find that an image is unchanged, whatever the places are.
 *
 * @module
 */
export { imageSyncTask } from "./image.ts";
import "./run_ready.ts";
import "../image/list_sync.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../image/list.ts";
import "./registry_args.ts";
import "../../lib/base/check_options.ts";
import "../../lib/base/meter.ts";
import "../../lib/oci/engine_reference.ts";
import "../../lib/oci/referrers.ts";
import "../../lib/runner/context.ts";
import "../shared/in_words.ts";
import "../image/checks.ts";
import "../image/copies.ts";
import "../shared/collecting_after.ts";
import "../../lib/oci/manifest.ts";
import "../../lib/oci/media_type.ts";
import "../../lib/base/failing_disk.ts";
import "../../lib/oci/copy/place_names.ts";
import "../../lib/oci/platform.ts";
import "../shared/registry_rules.ts";
import "../../lib/oci/copy/plan_copies.ts";
import "../../lib/operation/run_operation.ts";
import "../shared/registries.ts";
import "../image/set_plan.ts";
import "../image/routes.ts";
import "../../lib/oci/descriptor.ts";
import "../../lib/oci/json_fields.ts";
import "../../lib/oci/copy/check_pinned.ts";
import "../../lib/oci/copy/each_copy.ts";
import "../../lib/oci/copy/survey_copy.ts";
import "../../lib/operation/operation_meter.ts";
import "../../lib/oci/copy/image_hosts.ts";
import "../../lib/oci/pooled.ts";
import "../../lib/oci/choose_image.ts";
import "../../lib/oci/copy/listing_requests.ts";
import "../../lib/oci/copy/manifest_walk.ts";
import "../../lib/oci/copy/settle_copy.ts";
import "../../lib/oci/file_hashers.ts";
import "../../lib/oci/copy/insecure_hosts.ts";
import "../../lib/oci/checked_manifest.ts";
import "../../lib/oci/platform_leaves.ts";
import "../../lib/http/pace.ts";
import "../../lib/base/turns.ts";
