/**
 * Checks a bundle while it is still being written.
 *
 * Messages in: those of a {@linkcode FollowRequest}. Message out: what there is to note of a sound bundle, or an error; whoever gets
 * an error checks the bundle himself once it is whole, and says what is wrong with it.
 *
 * @module
 */
import type { FollowReply, FollowRequest } from "../base/file_follower.ts";
import { GrowingFile } from "../base/growing_file.ts";
import { silentMeter } from "../base/meter.ts";
import { workerPort } from "../base/worker_port.ts";
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

const port = workerPort<FollowRequest<CheckStart>, FollowReply<CheckNotes>>();
let file: GrowingFile | undefined;

async function check(growing: GrowingFile, start: CheckStart): Promise<void> {
  const notes: CheckNotes = [];
  const note = (message: string, level: "info" | "warning" = "info") => {
    notes.push({ message, level });
  };
  try {
    await inspectBundle(growing, { ...start, meter: { ...silentMeter, note } });
    port.postMessage({ result: notes });
  } catch (error) {
    port.postMessage({ error: (error as Error).message });
  }
}

port.addEventListener("message", ({ data }) => {
  if ("path" in data) {
    file = new GrowingFile(data.path);
    check(file, data.start);
  } else if ("upTo" in data) {
    file!.grown(data.upTo);
  } else {
    file!.finish(data.size);
  }
});
