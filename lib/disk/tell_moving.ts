import { formatBytes } from "../base/bytes.ts";
import type { Meter } from "../base/meter.ts";

const everyMs = 5000;

/** What a transfer is about to do, in bytes. */
export interface MovingPlan {
  /** What is to come over the network, or go; `undefined` where only compression will tell, and what was done so far is taken for the rest. */
  readonly wireBytes: number | undefined;
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
  /** So many bytes came or went, and with them so many requests were done; one, unless told. */
  wire(bytes: number, pieces?: number): void;
  /** So many bytes of the file were written or packed; packed ones became `wireBytes` that go over the network. */
  file(bytes: number, wireBytes?: number): void;
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
  let [wire, pieces, file, packed, reused] = [0, 0, 0, 0, 0];
  const facts = () => {
    const seconds = Math.max(0.001, (now() - started) / 1000);
    const planned = plan.wireBytes ?? (file === 0 ? undefined : packed / file * plan.fileBytes);
    // What was found to be wrong meanwhile comes on top of the plan.
    const all = planned === undefined ? undefined : Math.max(planned, wire);
    const fileBytes = Math.max(plan.fileBytes, file);
    const about = plan.wireBytes === undefined && file < plan.fileBytes ? "about " : "";
    const count = pieces === 1 ? `1 ${plan.pieces.slice(0, -1)}` : `${pieces} ${plan.pieces}`;
    const left = wire === 0 || all === undefined
      ? ""
      : `, ${Math.max(0, Math.ceil((all - wire) / (wire / seconds)))} s left`;
    return {
      text: `${formatBytes(wire)}${all === undefined ? "" : ` of ${about}${formatBytes(all)}`} ` +
        `${plan.wire} in ${count} (${formatBytes(wire / seconds)}/s), ${formatBytes(file)} of ` +
        `${formatBytes(fileBytes)} ${plan.file}, ${formatBytes(reused)} reused`,
      left,
    };
  };
  const tick = () => {
    if (now() - told < everyMs) return;
    told = now();
    const { text, left } = facts();
    meter.note(text + left);
  };
  return {
    wire: (bytes, done = 1) => {
      wire += bytes;
      pieces += done;
      tick();
    },
    file: (bytes, wireBytes = 0) => {
      file += bytes;
      packed += wireBytes;
      tick();
    },
    reused: (bytes) => {
      reused += bytes;
      tick();
    },
    end: () => meter.note(facts().text),
  };
}
