import type { TarHeader } from "modern-tar";
import { KedgeError, VerificationError } from "./errors.ts";

/** One entry of an archive. */
export interface TarEntry {
  /** What the archive says of it; nothing of it is checked. */
  header: TarHeader;
  /** Its contents; must be read to its end, or cancelled, before the next entry is asked for. */
  body: ReadableStream<Uint8Array>;
}

/**
 * The entries of a tarball, one after the other, unchecked.
 *
 * @param name what errors call the tarball
 * @throws {VerificationError} if the archive is damaged or cut
 */
export async function* tarEntries(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<TarEntry> {
  const tar = await import("modern-tar");
  const entries = ReadableStream.from(bytes as AsyncIterable<Uint8Array<ArrayBuffer>>)
    .pipeThrough(tar.createTarDecoder({ strict: true }));
  try {
    yield* entries;
  } catch (cause) {
    throw tarFailure(name, cause);
  }
}

/** The contents of an entry. */
export async function* tarBody({ body }: TarEntry, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    throw tarFailure(name, cause);
  }
}

/** What the reader of the archive says becomes a verification error; what its source says stays what it is. */
function tarFailure(name: string, cause: unknown): unknown {
  const isOfReader = cause instanceof Error && cause.name === "Error" &&
    !("code" in cause) && !(cause instanceof KedgeError);
  return isOfReader
    ? new VerificationError(
      `Cannot use "${name}": it is not a tarball, or it is damaged (${cause.message})`,
      { cause },
    )
    : cause;
}
