import { KedgeError, UnreachableError } from "../../base/errors.ts";
import type { Manifest } from "../manifest.ts";
import { isForeignType } from "../media_type.ts";

/** A registry's refusal of a manifest, which says of a foreign layer in it at most that it is unknown, with what can be done. */
export function foreignRefusal(error: unknown, manifest: Manifest): unknown {
  const foreign = manifest.blobs.find(({ mediaType }) => isForeignType(mediaType));
  if (foreign === undefined || !(error instanceof KedgeError) || error.hint !== undefined) {
    return error;
  }
  if (!/answered (400|404|422|500)\b/.test(error.message)) return error;
  const options = {
    cause: error.cause,
    data: error.data,
    ...(error.side === undefined ? {} : { side: error.side }),
    hint: `${foreign.digest} is a foreign layer, which is not copied: a registry may refuse what ` +
      "points to one (docker-registry takes only the URLs of its validation.manifests.urls.allow)",
  };
  if (error instanceof UnreachableError) return new UnreachableError(error.message, options);
  return error.constructor === KedgeError ? new KedgeError(error.message, options) : error;
}
