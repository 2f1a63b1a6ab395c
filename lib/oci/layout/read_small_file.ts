import { VerificationError } from "../../base/errors.ts";
import { isNotThere } from "../../base/files.ts";
import { largestManifestBytes } from "../manifest.ts";

/**
 * What a file of a layout holds that is no larger than a manifest may be; `undefined` if nothing is there. It is read at once: that is over
 * before a thread would have begun with it.
 *
 * @throws {VerificationError} if it is larger, or nothing that has an end
 */
export function readSmallFile(path: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const { isFile, size } = Deno.statSync(path);
    const state = !isFile
      ? "it is not a file"
      : size > largestManifestBytes
      ? `it has ${size} bytes, more than ${largestManifestBytes}`
      : undefined;
    if (state !== undefined) throw new VerificationError(`Cannot read "${path}": ${state}`);
    return Deno.readFileSync(path);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}
