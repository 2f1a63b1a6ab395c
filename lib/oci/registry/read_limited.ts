import { readSmallBody } from "../../http/read_small_body.ts";
import { largestManifestBytes } from "../manifest.ts";

/**
 * The body of an answer that is read whole; reading ends at the largest size of a manifest.
 *
 * @throws {VerificationError} if it is larger
 */
export async function readLimited(
  response: Response,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  return await readSmallBody(response, `the manifest of "${name}"`, largestManifestBytes);
}
