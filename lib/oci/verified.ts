import { Hasher } from "../base/digest.ts";
import { type Side, UnreachableError, VerificationError } from "../base/errors.ts";
import type { Descriptor } from "./descriptor.ts";
import { wrongDigest } from "./wrong_digest.ts";

/** Options of {@linkcode verified}. */
export interface VerifiedOptions {
  /** Where the bytes come from, for messages. */
  name: string;
  /** Hashes the bytes before them, where the stream does not begin at the first. */
  hasher?: Hasher | undefined;
  /** Which side of a transfer they come from. @default {"source"} */
  side?: Side | undefined;
}

/**
 * Passes the bytes of a blob on while it hashes them. The last piece is passed on only once size and digest are right, so that
 * nobody downstream ever holds a whole blob that is wrong.
 *
 * @throws {VerificationError} if they are more, or of another digest
 * @throws {UnreachableError} if they are fewer
 */
export async function* verified(
  descriptor: Descriptor,
  bytes: AsyncIterable<Uint8Array>,
  options: VerifiedOptions,
): AsyncIterableIterator<Uint8Array> {
  const { hasher = new Hasher(), name, side = "source" } = options;
  const check = () => {
    const digest = hasher.digest();
    if (digest !== descriptor.digest) throw wrongDigest(descriptor, name, digest, side);
  };
  for await (const piece of bytes) {
    hasher.update(piece);
    if (hasher.size > descriptor.size) {
      throw new VerificationError(
        `Cannot take ${descriptor.digest} from "${name}": it has more than ${descriptor.size} bytes`,
        { side, data: { expected: descriptor.digest, sizeBytes: descriptor.size } },
      );
    }
    if (hasher.size === descriptor.size) check();
    yield piece;
  }
  if (hasher.size < descriptor.size) {
    throw new UnreachableError(
      `Cannot take ${descriptor.digest} from "${name}": ` +
        `it ended after ${hasher.size} of ${descriptor.size} bytes`,
      { side, data: { digest: descriptor.digest } },
    );
  }
  if (descriptor.size === 0) check();
}
