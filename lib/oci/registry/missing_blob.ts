import type { Digest } from "../../base/digest.ts";
import { KedgeError, type Side } from "../../base/errors.ts";

/** The error of a blob that a registry does not have, though a manifest of it names that; `data.missing` is its digest. */
export function missingBlob(
  digest: Digest,
  { name, side }: { name: string; side?: Side | undefined },
): KedgeError {
  return new KedgeError(
    `Cannot find the blob ${digest} of "${name}": the registry answered 404`,
    {
      ...(side === undefined ? {} : { side }),
      hint: "have the image pushed again",
      data: { status: 404, missing: digest },
    },
  );
}
