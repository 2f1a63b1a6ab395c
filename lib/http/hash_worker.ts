/**
 * Hashes the start of a file while the rest of it is still being written. The data comes out of the page cache.
 *
 * Messages in: those of a {@linkcode FollowRequest}. Message out: the digest, or an error.
 *
 * @module
 */
import type { FollowReply, FollowRequest } from "../base/file_follower.ts";
import { GrowingDigest } from "../base/growing_digest.ts";
import { workerPort } from "../base/worker_port.ts";
import type { Hashed } from "./prefix_hasher.ts";

const port = workerPort<FollowRequest, FollowReply<Hashed>>();
let file: GrowingDigest | undefined;

port.addEventListener("message", ({ data }) => {
  try {
    if ("path" in data) file = new GrowingDigest(data.path);
    else if ("upTo" in data) file!.upTo(data.upTo);
    else port.postMessage({ result: { digest: file!.finish(data.size) } });
  } catch (error) {
    port.postMessage({ error: (error as Error).message });
  }
});
