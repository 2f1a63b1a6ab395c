import { VerificationError } from "../base/errors.ts";
import { largestManifestBytes } from "./manifest.ts";

/**
 * The body of an answer that is read whole; reading ends at the largest size of a manifest.
 *
 * @throws {VerificationError} if it is larger
 */
export async function readLimited(
  response: Response,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    size += piece.byteLength;
    if (size > largestManifestBytes) {
      throw new VerificationError(
        `Cannot read the manifest of "${name}": it has more than ${largestManifestBytes} bytes`,
      );
    }
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
