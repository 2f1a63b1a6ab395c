import { VerificationError } from "../base/errors.ts";
import { freeMemory } from "../base/free_memory.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import { type IndexHead, type IndexTaker, readIndex } from "../chunk/read_index.ts";
import { HashedPieces } from "./hashed_pieces.ts";

/** Begins to take an index of which the head was read. */
export type TakeIndex<T> = (head: IndexHead) => IndexTaker<T>;

/** What was made of an index. */
export interface ReadIndex<T> {
  /** What was made of it. */
  readonly index: T;
  /** The index as it is stored, where it was asked for. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/**
 * Reads an index out of pieces as they come, in which a page is in memory at a time.
 *
 * @returns `undefined` where they are not the bytes of the blob, whatever was read out of them; else what gives the index, and throws a
 * {@linkcode VerificationError} if it contradicts itself
 */
export async function readPieces<T>(
  pieces: AsyncIterable<Uint8Array>,
  of: { blob: DiskBlob; keepsBytes: boolean; name: string; take: TakeIndex<T> },
): Promise<(() => ReadIndex<T>) | undefined> {
  await using source = new HashedPieces(pieces, of.blob, of.keepsBytes);
  const reading = readIndex(of.blob.size, of.take);
  let part = new Uint8Array();
  for (;;) {
    let step: IteratorResult<number, T>;
    try {
      step = reading.next(part);
    } catch (cause) {
      if (!(cause instanceof VerificationError)) throw cause;
      const refuse = () => {
        throw unreadable(cause, of.name);
      };
      return await source.isWhole() ? refuse : undefined;
    }
    if (source.kept === undefined) freeMemory(part);
    if (step.done === true) {
      const read = { index: step.value, bytes: source.kept };
      return await source.isWhole() ? () => read : undefined;
    }
    part = await source.read(step.value);
  }
}

/** The error of an index, which tells also where it came from. */
function unreadable(cause: VerificationError, name: string): VerificationError {
  const state = cause.message.slice(cause.message.indexOf(": ") + 2);
  return new VerificationError(
    `Cannot use the disk "${name}": its chunk index cannot be read: ${state}`,
    { side: "source", hint: cause.hint ?? "disk:push --repack makes a new one", cause },
  );
}
