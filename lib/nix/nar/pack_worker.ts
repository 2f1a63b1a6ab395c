/**
 * Packs NARs on a thread of its own: takes one question at a time, answers with the packed NAR or the words of an error. Hashes
 * files, too.
 *
 * @module
 */
import { type Digest, Hasher } from "../../base/digest.ts";
import { workerPort } from "../../base/worker_port.ts";
import { zlib } from "../../base/zlib.ts";
import { packNar, type PackRequest } from "./pack_nar.ts";
import type { PackedNar } from "./packed_nar.ts";

/** What the worker is asked for: a NAR, or the hash of a file. */
export type PackQuestion = PackRequest | { hash: string };

/** What the worker says. */
export type PackAnswer =
  | { digest: Digest }
  | { packed: PackedNar }
  | { error: { message: string; code: string | undefined } };

const bufferBytes = 1024 * 1024;

// What every order needs is loaded while there is none yet.
zlib();
new Hasher().update(new Uint8Array(bufferBytes));

const port = workerPort<PackQuestion, PackAnswer>();

port.addEventListener("message", ({ data }) => {
  const answer = (message: PackAnswer) => port.postMessage(message);
  try {
    if ("hash" in data) return answer({ digest: hashOf(data.hash) });
    answer({ packed: packNar(data) });
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    answer({ error: { message, code } });
  }
});

function hashOf(path: string): Digest {
  using file = Deno.openSync(path, { read: true });
  const hasher = new Hasher();
  const buffer = new Uint8Array(bufferBytes);
  for (;;) {
    const count = file.readSync(buffer);
    if (count === null) return hasher.digest();
    hasher.update(buffer.subarray(0, count));
  }
}
