import { assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { VerificationError } from "../../../lib/base/errors.ts";
import { decompress, type PackedAs, packedAs } from "../../../lib/base/decompress.ts";

const content = new Uint8Array(300_000).map((_, i) => (i * i) >> 7);
const half = content.length >> 1;

const packers: Record<PackedAs, (bytes: Uint8Array) => Uint8Array> = {
  gzip: (bytes) => gzipSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
  br: (bytes) => brotliCompressSync(bytes),
};

/** Pieces in one buffer that is used again, as a reader of files gives them. */
async function* reused(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    buffer.set(part);
    yield await Promise.resolve(buffer.subarray(0, part.length));
    buffer.fill(0xee);
  }
}

async function all(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part.slice());
  return concat(parts);
}

for (const kind of ["gzip", "zstd", "br"] as const) {
  Deno.test(`decompress() gives what ${kind} packed, whatever the size of the pieces`, async () => {
    const packed = packers[kind](content);
    for (const size of [packed.length, 1000, 7]) {
      assertEquals(await all(decompress(reused(packed, size), kind)), content);
    }
  });

  // Deno's brotli says nothing of a cut stream.
  if (kind !== "br") {
    Deno.test(`decompress() refuses ${kind} that is cut or no ${kind}`, async () => {
      const packed = packers[kind](content);
      const bad = [packed.slice(0, -9), new TextEncoder().encode("<!doctype html>")];
      for (const each of bad) {
        await assertRejects(
          () => all(decompress(reused(each, 512), kind, { name: "x" })),
          VerificationError,
        );
      }
    });
  }

  Deno.test(`decompress() of ${kind} hands on what its source says`, async () => {
    const packed = packers[kind](content);
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield packed.subarray(0, 100);
      await Promise.resolve();
      throw new RangeError("the line is dead");
    }
    await assertRejects(() => all(decompress(failing(), kind)), RangeError, "the line is dead");
  });
}

for (const kind of ["gzip", "zstd"] as const) {
  Deno.test(`decompress() reads ${kind} of several members`, async () => {
    const pack = packers[kind];
    const packed = concat([pack(content.subarray(0, half)), pack(content.subarray(half))]);
    assertEquals(await all(decompress(reused(packed, 4096), kind)), content);
    assertEquals(packedAs(packed), kind);
  });
}

Deno.test("decompress() refuses zstd that wants more than 128 MiB of what it unpacked kept", async () => {
  const frame = (windowLog: number) =>
    new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, 9, 0, 0, 65]);
  assertEquals(await all(decompress(reused(frame(27), 64), "zstd")), new Uint8Array([65]));
  await assertRejects(
    () => all(decompress(reused(frame(28), 64), "zstd", { name: "x" })),
    VerificationError,
    "Cannot unpack x: its zstd data is damaged (",
  );
});

Deno.test("decompress() ends its source when nobody reads on", async () => {
  let ended = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* reused(gzipSync(crypto.getRandomValues(new Uint8Array(60_000))), 512);
    } finally {
      ended = true;
    }
  }
  for await (const _piece of decompress(source(), "gzip")) break;
  assertEquals(ended, true);
});

Deno.test("decompress() unpacks no more of a bomb than was asked for", async () => {
  const bomb = gzipSync(new Uint8Array(256 * 1024 * 1024));
  let read = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of reused(bomb, 4096)) {
      read += piece.length;
      yield piece;
    }
  }
  for await (const piece of decompress(counted(), "gzip")) {
    assertEquals(piece.length <= 1024 * 1024, true);
    break;
  }
  assertEquals(read < bomb.length / 4, true);
});
