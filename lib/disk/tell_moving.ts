import { formatBytes } from "../base/bytes.ts";
import { counted } from "../base/counted.ts";
import type { Meter } from "../base/meter.ts";

const everyMs = 5000;

/** What a transfer is about to do, in bytes. */
export interface MovingPlan {
  /** What is to come over the network, or go; `undefined` where only compression will tell, and what was done so far is taken for the rest. */
  readonly wireBytes: number | undefined;
  /** What of the file is written, or packed. */
  readonly fileBytes: number;
  /** What of it is read meanwhile, to prove that it stands. @default {0} */
  readonly proofBytes?: number;
  /** What is counted with that: the `requests` that the meter was told of, or `parts` where nothing is asked of a server. */
  readonly pieces: "requests" | "parts";
  /** How what comes over the network is called: `fetched`, `sent`. */
  readonly wire: string;
  /** How what is done with the file is called: `written`, `packed`. */
  readonly file: string;
}

/** Takes what was done. */
export interface Moving {
  /** So many bytes came or went, and with them so many parts were done; one, unless told. Fewer bytes, where some were in vain. */
  wire(bytes: number, parts?: number): void;
  /** So many bytes of the file were written or packed; packed ones became `wireBytes` that go over the network. */
  file(bytes: number, wireBytes?: number): void;
  /** So many bytes of what stands were read. */
  proof(bytes: number): void;
  /** So many bytes of the file were there already. */
  reused(bytes: number): void;
  /** Tells the sum. */
  end(): void;
}

/**
 * Tells how far a transfer is, every five seconds, and at its end what it was. The time that is left, which the meter is told, is that of whichever
 * takes longest: the network, the file, or the proof; each goes on at the speed that it had so far.
 */
export function tellMoving(
  meter: Meter,
  plan: MovingPlan,
  now: () => number = () => performance.now(),
): Moving {
  const started = now();
  let told = started;
  const before = meter.requests;
  let [wire, parts, file, packed, proof, reused] = [0, 0, 0, 0, 0, 0];
  const wireBytes = () => {
    const planned = plan.wireBytes ?? (file === 0 ? undefined : packed / file * plan.fileBytes);
    // What was found to be wrong meanwhile comes on top of the plan.
    return planned === undefined ? undefined : Math.max(planned, wire);
  };
  const text = () => {
    const seconds = Math.max(0.001, (now() - started) / 1000);
    const all = wireBytes();
    const fileBytes = Math.max(plan.fileBytes, file);
    const about = plan.wireBytes === undefined && file < plan.fileBytes ? "about " : "";
    const count = plan.pieces === "parts"
      ? counted(parts, "part")
      : counted(meter.requests - before, "request");
    const overWire = all === 0
      ? `nothing ${plan.wire}`
      : `${formatBytes(wire)}${all === undefined ? "" : ` of ${about}${formatBytes(all)}`} ` +
        `${plan.wire} in ${count} (${formatBytes(wire / seconds)}/s)`;
    return `${overWire}, ${formatBytes(file)} of ${formatBytes(fileBytes)} ${plan.file}, ` +
      `${formatBytes(reused)} reused`;
  };
  const leftMs = (done: number, all: number) =>
    done >= all ? 0 : (all - done) / done * Math.max(1, now() - started);
  const tick = () => {
    meter.left(Math.max(
      leftMs(wire, wireBytes() ?? Infinity),
      leftMs(file, plan.fileBytes),
      leftMs(proof, plan.proofBytes ?? 0),
    ));
    if (now() - told < everyMs) return;
    told = now();
    meter.note(text());
  };
  return {
    wire: (bytes, done = 1) => {
      wire += bytes;
      parts += done;
      tick();
    },
    file: (bytes, wireBytes = 0) => {
      file += bytes;
      packed += wireBytes;
      tick();
    },
    proof: (bytes) => {
      proof += bytes;
      tick();
    },
    reused: (bytes) => {
      reused += bytes;
      tick();
    },
    end: () => {
      meter.left(0);
      meter.note(text());
    },
  };
}
