import { type KedgeError, type Side, VerificationError } from "../../base/errors.ts";
import { parseContentRange } from "../../http/content_range.ts";
import type { Descriptor } from "../descriptor.ts";
import { missingBlob } from "./missing_blob.ts";
import { RangeRefusedError } from "./range_refused_error.ts";

/** A range of a blob that was asked for. */
export interface AskedRange extends Pick<Descriptor, "digest" | "size"> {
  /** The first byte. */
  readonly start: number;
  /** The last one. */
  readonly end: number;
  /** The repository for people. */
  readonly name: string;
  /** Which side of a transfer the registry is. */
  readonly side: Side | undefined;
}

/** The error of an answer that is not the range which was asked for. */
export function rangeRefusal(
  { status, headers }: Response,
  { digest, size, start, end, name, side }: AskedRange,
): KedgeError {
  if (status === 404) return missingBlob(digest, { name, side });
  const range = headers.get("content-range");
  const total = parseContentRange(range)?.total;
  if (total !== undefined && total < size) {
    return new VerificationError(
      `Cannot get the blob ${digest} from "${name}": it has ${total} bytes there instead of ${size}`,
      { data: { digest, sizeBytes: total }, ...(side === undefined ? {} : { side }) },
    );
  }
  return new RangeRefusedError(
    `Cannot get bytes ${start} to ${end} of ${digest} from "${name}": ` +
      `the registry answered ${status}${range === null ? "" : ` with ${range}`}`,
    { data: { status } },
  );
}
