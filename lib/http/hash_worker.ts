/**
 * Hashes the start of a file while the rest of it is still being written. The data comes out of the page cache.
 *
 * Messages in: those of a {@linkcode FollowRequest}. Message out: the digest and the size, or an error.
 *
 * @module
 */
import { type Digest, Hasher } from "../base/digest.ts";
import type { FollowReply, FollowRequest } from "../base/file_follower.ts";
import { workerPort } from "../base/worker_port.ts";

const port = workerPort<FollowRequest, FollowReply<Digest>>();
const buffer = new Uint8Array(256 * 1024);
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
    } else if ("upTo" in data) {
      hashUpTo(data.upTo);
    } else {
      hashUpTo(data.size);
      file!.close();
      port.postMessage({ result: hasher.digest() });
    }
  } catch (error) {
    port.postMessage({ error: (error as Error).message });
  }
});
