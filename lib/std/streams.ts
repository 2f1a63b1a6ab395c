/** The typed doorway to `@std/streams`. @module */
import * as streams from "deno-std/streams/mod.js";

/** Reads a whole stream as text. */
export const toText: (stream: ReadableStream<Uint8Array>) => Promise<string> = streams.toText;
/** Reads a whole stream into one buffer. */
export const toArrayBuffer: (stream: ReadableStream<Uint8Array>) => Promise<ArrayBuffer> =
  streams.toArrayBuffer;
/** Splits text into lines, `\n` or `\r\n`. */
export const TextLineStream: new (options?: { allowCR?: boolean }) => TransformStream<
  string,
  string
> = streams.TextLineStream;
/** Passes at most so many bytes; with `error`, throws a `RangeError` at the first byte beyond. */
export const LimitedBytesTransformStream: new (
  bytes: number,
  options?: { error?: boolean },
) => TransformStream<Uint8Array, Uint8Array> = streams.LimitedBytesTransformStream;
/** Joins streams one after the other. */
export const concatReadableStreams: <T>(...streams: ReadableStream<T>[]) => ReadableStream<T> =
  streams.concatReadableStreams;
