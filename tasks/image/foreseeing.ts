import { foreseeNames } from "../../lib/base/foresee_names.ts";
import type { Cache } from "../../lib/cache/cache.ts";
import { checkOwnFolder } from "../../lib/cache/own_folder.ts";
import { foreseeLayout } from "../../lib/oci/layout/foresee_layout.ts";
import { LayoutDestination } from "../../lib/oci/layout/layout_destination.ts";
import type { PlannedCopy } from "../../lib/oci/copy/plan_copies.ts";

/**
 * Fails as copies would, where the system does not let them write to a layout, or to the cache what several destinations read; writes
 * nothing.
 *
 * @throws the system's own error, with its code
 * @throws {UsageError} if the folder of the cache is somebody else's
 */
export function foreseeCopies(copies: readonly PlannedCopy[], cache: Cache): void {
  const changed = copies.filter(({ plan }) => plan.changed);
  if (changed.some(({ source }) => (source.spoolBytes ?? 0) > 0)) {
    checkOwnFolder(cache.dir);
    foreseeNames(cache.partials.dir);
  }
  for (const { destination } of changed) {
    if (destination instanceof LayoutDestination) {
      foreseeLayout(destination.layout, { index: true, blobs: true, brings: true });
    }
  }
}
