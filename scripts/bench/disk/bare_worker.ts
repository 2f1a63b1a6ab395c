/** Unpacks, verifies and writes the chunks of one pack after the other. @module */
import { createHash } from "node:crypto";
import { workerPort } from "../../../lib/base/worker_port.ts";
import { FrameUnpacker } from "../../../lib/chunk/frame_unpacker.ts";

/** A pack, and its chunks in columns. */
export interface BarePack {
  readonly path: string;
  readonly to: string;
  readonly offsets: Uint32Array;
  readonly stored: Uint32Array;
  readonly lengths: Uint32Array;
  readonly digests: Uint8Array;
  readonly places: Float64Array;
}

const buffer = new Uint8Array(2 ** 20);
const room = new Uint8Array(2 ** 20);
const unpacker = new FrameUnpacker();
const port = workerPort<BarePack, string>();

port.addEventListener("message", ({ data }) => {
  unpack(data);
  port.postMessage("done");
});

function unpack({ path, to, offsets, stored, lengths, digests, places }: BarePack): void {
  using from = Deno.openSync(path);
  using out = Deno.openSync(to, { write: true });
  for (let chunk = 0; chunk < lengths.length; chunk++) {
    const packed = buffer.subarray(0, stored[chunk]!);
    from.seekSync(offsets[chunk]!, Deno.SeekMode.Start);
    for (let at = 0; at < packed.length;) at += from.readSync(packed.subarray(at))!;
    const size = lengths[chunk]!;
    const plain = packed.length === size ? packed : room.subarray(0, size);
    if (plain !== packed && !unpacker.unpack(packed, plain)) throw new Error("damaged");
    const digest = createHash("sha256").update(plain).digest();
    if (!digest.every((byte, at) => byte === digests[chunk * 32 + at])) throw new Error("wrong");
    out.seekSync(places[chunk]!, Deno.SeekMode.Start);
    for (let at = 0; at < plain.length;) at += out.writeSync(plain.subarray(at));
  }
}
