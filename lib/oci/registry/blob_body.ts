import { type Side, VerificationError } from "../../base/errors.ts";
import type { Descriptor } from "../descriptor.ts";
import { missingBlob } from "./missing_blob.ts";

/** What a blob must be; its size where that is known before. */
export type ExpectedBlob = Pick<Descriptor, "digest"> & Partial<Pick<Descriptor, "size">>;

/**
 * The body of an answer that is to be a blob.
 *
 * @throws {KedgeError} if the registry has none; `data.missing` is its digest
 * @throws {VerificationError} if the answer has another size than the blob
 */
export async function blobBody(
  response: Response,
  { digest, size }: ExpectedBlob,
  { name, side }: { name: string; side?: Side | undefined },
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const { status, headers, body } = response;
  const sided = side === undefined ? {} : { side };
  if (status === 404) {
    await body?.cancel();
    throw missingBlob(digest, { name, side });
  }
  // A header that came twice is not a number: "5, 5".
  const length = /^\d+$/.exec(headers.get("content-length") ?? "")?.[0];
  const told = length === undefined || headers.has("content-encoding") ? size : Number(length);
  if (size === undefined || told === size) return body ?? new Blob([]).stream();
  await body?.cancel();
  throw new VerificationError(
    `Cannot get the blob ${digest} from "${name}": it has ${told} bytes there instead of ${size}`,
    { ...sided, data: { digest, sizeBytes: told } },
  );
}
