import { formatBytes } from "../base/bytes.ts";
import type { Meter } from "../base/meter.ts";

const everyMs = 5000;

/** What a transfer is about to do, in bytes. */
export interface MovingPlan {
  /** What is to come over the network, or go. */
  readonly wireBytes: number;
  /** What of the file is written, or packed. */
  readonly fileBytes: number;
  /** What each piece of that costs: `requests`, or `parts` where nothing is asked of a server. */
  readonly pieces: "requests" | "parts";
  /** How what comes over the network is called: `fetched`, `sent`. */
  readonly wire: string;
  /** How what is done with the file is called: `written`, `packed`. */
  readonly file: string;
}

/** Takes what was done. */
export interface Moving {
  /** So many bytes came or went in one request. */
  wire(bytes: number): void;
  /** So many bytes of the file were written or packed. */
  file(bytes: number): void;
  /** So many bytes of the file were there already. */
  reused(bytes: number): void;
  /** Tells the sum. */
  end(): void;
}

/** Tells how far a transfer is, every five seconds, and at its end what it was. */
export function tellMoving(
  meter: Meter,
  plan: MovingPlan,
  now: () => number = () => performance.now(),
): Moving {
  const started = now();
  let told = started;
  let [wire, pieces, file, reused] = [0, 0, 0, 0];
  const facts = () => {
    const seconds = Math.max(0.001, (now() - started) / 1000);
    const left = wire === 0 ? 0 : (plan.wireBytes - wire) / (wire / seconds);
    return {
      text: `${formatBytes(wire)} of ${formatBytes(plan.wireBytes)} ${plan.wire} in ${pieces} ` +
        `${plan.pieces} (${formatBytes(wire / seconds)}/s), ${formatBytes(file)} of ` +
        `${formatBytes(plan.fileBytes)} ${plan.file}, ${formatBytes(reused)} reused`,
      left: Math.max(0, Math.ceil(left)),
    };
  };
  const tick = () => {
    if (now() - told < everyMs) return;
    told = now();
    const { text, left } = facts();
    meter.note(`${text}, ${left} s left`);
  };
  return {
    wire: (bytes) => {
      wire += bytes;
      pieces++;
      tick();
    },
    file: (bytes) => {
      file += bytes;
      tick();
    },
    reused: (bytes) => {
      reused += bytes;
      tick();
    },
    end: () => meter.note(facts().text),
  };
}
