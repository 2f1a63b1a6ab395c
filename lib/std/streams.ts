/** The typed doorway to `@std/streams`. @module */
import { toText as text } from "deno-std/streams/to_text.js";

/** Reads a whole stream as text. */
export const toText: (stream: ReadableStream<Uint8Array>) => Promise<string> = text;
