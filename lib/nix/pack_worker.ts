/// <reference lib="deno.worker" />
/**
 * Packs NARs on a thread of its own: takes {@linkcode PackRequest}s one at a time, answers each with the bytes
 * that it read so far, and at last with the packed NAR or the words of an error.
 *
 * @module
 */
import { packNar, type PackRequest } from "./pack_nar.ts";
import type { PackedNar } from "./packed_nar.ts";

/** What the worker says. */
export type PackAnswer =
  | { step: number }
  | { packed: PackedNar }
  | { error: { message: string; code: string | undefined } };

self.onmessage = ({ data }: MessageEvent<PackRequest>) => {
  const answer = (message: PackAnswer) => self.postMessage(message);
  try {
    const steps = packNar(data);
    for (let step = steps.next();; step = steps.next()) {
      if (step.done) return answer({ packed: step.value });
      answer({ step: step.value });
    }
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    answer({ error: { message, code } });
  }
};
