import { narPieces } from "./nar_pieces.ts";

/** Options of {@linkcode narStream}. */
export interface NarStreamOptions {
  /** The size of the pieces, in bytes. @default {1 MiB} */
  pieceBytes?: number;
  /** Ends the stream with its reason. */
  signal?: AbortSignal;
}

/**
 * The NAR of a file, a folder or a symlink, as a stream that reads only what is asked for.
 *
 * ```ts
 * import { narStream } from "./nar_stream.ts";
 *
 * let size = 0;
 * for await (const piece of narStream("lib/nix")) size += piece.length;
 * ```
 */
export function narStream(
  path: string,
  options: NarStreamOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces = narPieces(path, options.pieceBytes);
  return new ReadableStream({
    pull(controller) {
      options.signal?.throwIfAborted();
      const { done, value } = pieces.next();
      if (done) controller.close();
      else controller.enqueue(value.slice());
    },
    cancel() {
      pieces.return();
    },
  }, { highWaterMark: 0 });
}
