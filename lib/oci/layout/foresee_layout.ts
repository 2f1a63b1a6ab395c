import { join } from "@std/path";
import { foreseeFile, foreseeNames } from "../../base/foresee_names.ts";
import type { LayoutBlobs } from "./layout_blobs.ts";

/** What is to be done to a layout. */
export interface LayoutAhead {
  /** Whether names are to be pointed to something else, or taken out. @default {false} */
  index?: boolean;
  /** Whether blobs are to be given their names, or removed. @default {false} */
  blobs?: boolean;
  /** Whether something is to be brought, which lies elsewhere until then. @default {false} */
  brings?: boolean;
}

/**
 * Fails as a change of a layout would, where the system refuses that; writes nothing.
 *
 * @throws the system's own error, with its code
 */
export function foreseeLayout(
  { folder, workFolder }: LayoutBlobs,
  { index = false, blobs = false, brings = false }: LayoutAhead,
): void {
  if (index) foreseeNames(folder);
  if (blobs) foreseeNames(join(folder, "blobs", "sha256"));
  if (brings) foreseeNames(workFolder);
  foreseeFile(join(workFolder, "lock"));
}
