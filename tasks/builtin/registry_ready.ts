/**
 * What speaks to a registry, for a command line that names one.
 *
 * @module
 */
import "../../lib/base/turns.ts";
import "../../lib/oci/copy/open_image.ts";
import "../../lib/oci/registry/registry_destination.ts";
import "../../lib/oci/registry/registry_source.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
import "../../lib/oci/reference_grammar.ts";
import "../../lib/oci/registry/registry_host.ts";
import "../../lib/base/digest.ts";
import "../../lib/base/meter.ts";
import "../../lib/oci/registry/left_uploads.ts";
import "../../lib/oci/media_type.ts";
import "../../lib/oci/memory.ts";
import "../../lib/oci/registry/push_requests.ts";
import "../../lib/oci/reference.ts";
import "../../lib/oci/registry/registry_client.ts";
import "../../lib/oci/checked_manifest.ts";
import "../../lib/oci/referrers.ts";
import "../../lib/http/client.ts";
import "../../lib/http/retry_policy.ts";
import "../../lib/oci/registry/connections.ts";
import "../../lib/http/pace.ts";
import "../../lib/oci/registry/registry_access.ts";
import "../../lib/oci/registry/registry_origin.ts";
import "../../lib/oci/registry/resume_proof.ts";
import "../../lib/base/short_sha256.ts";
import "../../lib/base/digest_text.ts";
import "../../lib/oci/refused_reference.ts";
import "../../lib/http/body_start.ts";
import "../../lib/oci/registry/content_type.ts";
import "../../lib/oci/registry/list_pages.ts";
import "../../lib/oci/manifest.ts";
import "../../lib/oci/registry/read_limited.ts";
import "../../lib/oci/registry/registry_blobs.ts";
import "../../lib/oci/registry/registry_message.ts";
import "../../lib/oci/registry/registry_referrers.ts";
import "../../lib/base/counted.ts";
import "../../lib/base/late_signals.ts";
import "../../lib/http/hold_response.ts";
import "../../lib/http/request_headers.ts";
import "../../lib/http/known_proxies.ts";
import "../../lib/oci/registry/is_loopback.ts";
import "../../lib/oci/registry/found_once.ts";
import "../../lib/http/failure_words.ts";
import "../../lib/http/read_within.ts";
import "../../lib/oci/descriptor.ts";
import "../../lib/oci/json_fields.ts";
import "../../lib/http/read_small_body.ts";
import "../../lib/http/content_range.ts";
import "../../lib/oci/registry/range_refused_error.ts";
import "../../lib/oci/registry/upload_location.ts";
import "../../lib/oci/pooled.ts";
import "../../lib/base/long_timeout.ts";
import "../../lib/http/proxy_names.ts";
