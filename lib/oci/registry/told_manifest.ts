import { sha256 } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { describeManifest, parseManifest, type ParseManifestOptions } from "../manifest.ts";

/** What a registry says of a manifest without giving it. */
export interface ManifestHead {
  /** Its digest, as the registry claims. */
  readonly digest: Digest;
  /** Its type, as the registry claims. */
  readonly mediaType: string;
  /** Its size in bytes, as the registry claims. */
  readonly size: number | undefined;
}

const brace = 0x7b;

/**
 * What a HEAD would tell of a manifest of these bytes: also of one that nothing here can read, such as one of Docker's schema 1, which can be
 * replaced and taken away all the same.
 *
 * @throws {VerificationError} if it is not a JSON object, or has another digest than was asked for
 */
export function toldManifest(
  bytes: Uint8Array<ArrayBuffer>,
  options: ParseManifestOptions,
): ManifestHead {
  try {
    return describeManifest(parseManifest(bytes, options));
  } catch (error) {
    const digest = sha256(bytes);
    const isOther = options.digest !== undefined && options.digest !== digest;
    if (isOther || bytes[0] !== brace) throw error;
    return { digest, mediaType: options.mediaType ?? "", size: bytes.byteLength };
  }
}
