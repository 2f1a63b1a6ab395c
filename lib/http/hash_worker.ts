/**
 * Hashes the start of a file while the rest of it is still being written. The data comes out of the page cache.
 *
 * Messages in: `{ path }` first, then `{ upTo }` each time more bytes are there, and `{ size }` at the end.
 * Messages out: `{ ready: true }`, `{ digest, size }`, or `{ error }`.
 *
 * @module
 */
import { Hasher } from "../base/digest.ts";
import { workerPort } from "../base/worker_port.ts";

/** What the worker is told. */
export type HashRequest = { path: string } | { upTo: number } | { size: number };
/** What the worker tells. */
export type HashReply = { ready: true } | { digest: string; size: number } | { error: string };

const port = workerPort<HashRequest, HashReply>();
const buffer = new Uint8Array(1024 * 1024);
const hasher = new Hasher();
let file: Deno.FsFile | undefined;

function hashUpTo(end: number): void {
  while (hasher.size < end) {
    const count = file!.readSync(buffer.subarray(0, Math.min(buffer.length, end - hasher.size)));
    if (count === null) throw new Error(`the file ended after ${hasher.size} bytes`);
    hasher.update(buffer.subarray(0, count));
  }
}

port.addEventListener("message", ({ data }) => {
  try {
    if ("path" in data) {
      file = Deno.openSync(data.path, { read: true });
      hasher.update(new Uint8Array());
      port.postMessage({ ready: true });
    } else if ("upTo" in data) {
      hashUpTo(data.upTo);
    } else {
      hashUpTo(data.size);
      file!.close();
      port.postMessage({ digest: hasher.digest(), size: hasher.size });
    }
  } catch (error) {
    port.postMessage({ error: (error as Error).message });
  }
});
