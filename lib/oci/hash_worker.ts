/**
 * Hashes files while they are still being written, out of the page cache, beside the thread that writes them.
 *
 * Messages in: `{ id, path }` first, then `{ id, upTo }` each time more bytes are there, and `{ id, size }` at the end, or `{ id, drop }`.
 * Messages out: `{ id, digest }` or `{ id, error }`.
 *
 * @module
 */
import { Hasher } from "../base/digest.ts";
import { workerPort } from "../base/worker_port.ts";

/** What the worker is told. */
export type HashRequest =
  & { id: number }
  & ({ path: string } | { upTo: number } | { size: number } | { drop: true });
/** What the worker tells. */
export type HashReply = { id: number } & ({ digest: string } | { error: string });

const port = workerPort<HashRequest, HashReply>();
const buffer = new Uint8Array(1024 * 1024);
const files = new Map<number, { file: Deno.FsFile; hasher: Hasher }>();

function hashUpTo(id: number, end: number): Hasher {
  const { file, hasher } = files.get(id)!;
  while (hasher.size < end) {
    const count = file.readSync(buffer.subarray(0, Math.min(buffer.length, end - hasher.size)));
    if (count === null) throw new Error(`the file ended after ${hasher.size} bytes`);
    hasher.update(buffer.subarray(0, count));
  }
  return hasher;
}

function close(id: number): void {
  files.get(id)?.file.close();
  files.delete(id);
}

port.addEventListener("message", ({ data }) => {
  const { id } = data;
  try {
    if ("path" in data) {
      files.set(id, { file: Deno.openSync(data.path, { read: true }), hasher: new Hasher() });
    } else if ("drop" in data) {
      close(id);
    } else if (!files.has(id)) {
      return;
    } else if ("upTo" in data) {
      hashUpTo(id, data.upTo);
    } else {
      port.postMessage({ id, digest: hashUpTo(id, data.size).digest() });
      close(id);
    }
  } catch (error) {
    close(id);
    port.postMessage({ id, error: (error as Error).message });
  }
});
