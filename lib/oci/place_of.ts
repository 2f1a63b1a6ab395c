import { canonicalPath } from "../base/canonical_path.ts";
import { plainPath } from "../base/plain_path.ts";
import { type DestinationReference, formatDestination } from "./engine_reference.ts";

/** A name for the layout, the repository or, in an engine, the image that a reference names, by which two that are the same are equal. */
export function placeOf(reference: DestinationReference): string {
  switch (reference.transport) {
    case "oci":
      return `oci:${canonicalPath(plainPath(reference.folder))}`;
    case "docker":
      return `${reference.host.toLowerCase()}/${reference.repository}`;
    default:
      return formatDestination({ ...reference, tag: reference.tag ?? "latest" });
  }
}
