import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { wholeIndex } from "../../../lib/chunk/decode_index.ts";
import { encodeIndex } from "../../../lib/chunk/encode_index.ts";
import { readPieces } from "../../../lib/disk/read_pieces.ts";
import { noise, rawIndex, tableOf } from "../../support/disk.ts";

const index = rawIndex(tableOf(noise(2_000_000), chunkerFor("fixed", 0, 4096)), 100);
const right = encodeIndex(index);

/** Bytes in pieces of one buffer, which is written over each time; and whether whoever reads them let go of them. */
class Pieces {
  ended = false;

  constructor(readonly bytes: Uint8Array, readonly pieceBytes: number, readonly failure?: Error) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(this.pieceBytes);
    try {
      for (let at = 0; at < this.bytes.length; at += this.pieceBytes) {
        await Promise.resolve();
        const piece = this.bytes.subarray(at, at + this.pieceBytes);
        buffer.set(piece);
        yield buffer.subarray(0, piece.length);
      }
      if (this.failure !== undefined) throw this.failure;
    } finally {
      this.ended = true;
    }
  }
}

async function read(
  pieces: Pieces,
  { of = right, keepsBytes = false }: { of?: Uint8Array; keepsBytes?: boolean } = {},
) {
  const blob = { mediaType: "index", digest: sha256(of), size: of.length };
  const got = await readPieces(pieces, { blob, keepsBytes, name: "disk", take: wholeIndex });
  assertEquals(pieces.ended, true);
  return got;
}

Deno.test("readPieces() gives an index out of pieces of any length, and its bytes where they are wanted", async () => {
  for (const pieceBytes of [7, 4096, 1 << 20]) {
    for (const keepsBytes of [false, true]) {
      const got = (await read(new Pieces(right, pieceBytes), { keepsBytes }))!();
      assertEquals(got, { index, bytes: keepsBytes ? right : undefined });
    }
  }
});

Deno.test("readPieces() gives nothing of bytes that are others, fewer or more, whatever they say", async () => {
  const more = new Uint8Array(right.length + 5000);
  more.set(right);
  const wrong = [
    right.with(0, 0),
    right.with(right.length >> 1, right[right.length >> 1]! ^ 1),
    // The number of rows: the rest is another index then.
    right.with(40, right[40]! ^ 1),
    right.subarray(0, -1),
    right.subarray(0, 10),
    more,
    // One that is sound, of another disk.
    encodeIndex(rawIndex(tableOf(noise(2_000_000, 2), chunkerFor("fixed", 0, 4096)), 100)),
  ];
  for (const bytes of wrong) {
    assertEquals(await read(new Pieces(bytes, 1000)), undefined);
    assertEquals(await read(new Pieces(bytes, 1000), { keepsBytes: true }), undefined);
  }
});

Deno.test("readPieces() refuses an index that contradicts itself where it is the one of the digest", async () => {
  const lies = right.with(40, right[40]! ^ 1);
  const got = await read(new Pieces(lies, 1000), { of: lies });
  const { message } = assertThrows(() => got!(), VerificationError);
  assertEquals(
    message.startsWith(`Cannot use the disk "disk": its chunk index cannot be read: `),
    true,
    message,
  );
});

Deno.test("readPieces() fails as the pieces do, also after it found that they lie", async () => {
  const failure = new VerificationError("Cannot read it");
  for (const bytes of [right.subarray(0, 100_000 % right.length), right.with(0, 0)]) {
    assertEquals(
      await assertRejects(() => read(new Pieces(bytes, 1000, failure)), VerificationError),
      failure,
    );
  }
});
