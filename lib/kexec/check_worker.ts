/**
 * Checks and hashes a bundle while it is still being written: one worker for both, since each takes memory of its own.
 *
 * Messages in: those of a {@linkcode FollowRequest}. Message out: the digest with what there is to note of a sound bundle, or an error.
 * Of a bundle that is not sound nothing is noted: whoever hears of none checks it himself, and says what is wrong with it.
 *
 * @module
 */
import type { FollowReply, FollowRequest } from "../base/file_follower.ts";
import { GrowingDigest } from "../base/growing_digest.ts";
import { GrowingFile } from "../base/growing_file.ts";
import { silentMeter } from "../base/meter.ts";
import { workerPort } from "../base/worker_port.ts";
import type { Hashed } from "../http/prefix_hasher.ts";
import type { KexecArchitecture } from "./architecture.ts";
import { inspectBundle } from "./inspect_bundle.ts";

/** What a bundle must be. */
export interface CheckStart {
  /** The name that it has for others. */
  name: string;
  /** The machine that is to boot it. */
  architecture?: KexecArchitecture;
}

/** What there is to note of a sound bundle. */
export type CheckNotes = { message: string; level: "info" | "warning" }[];

/** What the worker found. */
export interface CheckFound extends Hashed {
  /** Absent where the bundle is not sound. */
  notes?: CheckNotes;
}

const port = workerPort<FollowRequest<CheckStart>, FollowReply<CheckFound>>();

/** One bundle that comes. What its check reads is hashed at once, so that it is read once; the hash alone reads what the check does not. */
class Following {
  #digest: GrowingDigest;
  #file: GrowingFile;
  #notes: CheckNotes = [];
  #isSound: Promise<boolean>;

  constructor(path: string, start: CheckStart) {
    this.#digest = new GrowingDigest(path);
    this.#file = new GrowingFile(path, {
      onPiece: (at, bytes) => this.#digest.take(at, bytes),
      blocking: true,
    });
    const note = (message: string, level: "info" | "warning" = "info") => {
      this.#notes.push({ message, level });
    };
    this.#isSound = inspectBundle(this.#file, { ...start, meter: { ...silentMeter, note } })
      .then(() => true, () => false);
  }

  upTo(end: number): void {
    this.#file.grown(end);
    if (!this.#file.isRead) this.#digest.upTo(end);
  }

  async finish(sizeBytes: number): Promise<CheckFound> {
    this.#file.finish(sizeBytes);
    const isSound = await this.#isSound;
    const digest = this.#digest.finish(sizeBytes);
    return isSound ? { digest, notes: this.#notes } : { digest };
  }
}

let following: Following | undefined;

port.addEventListener("message", async ({ data }) => {
  try {
    if ("path" in data) following = new Following(data.path, data.start);
    else if ("upTo" in data) following!.upTo(data.upTo);
    else port.postMessage({ result: await following!.finish(data.size) });
  } catch (error) {
    port.postMessage({ error: (error as Error).message });
  }
});
