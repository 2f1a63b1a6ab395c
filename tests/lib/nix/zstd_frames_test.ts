import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes";
import { join } from "@std/path";
import { zstdCompressSync } from "node:zlib";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { narString } from "../../../lib/nix/nar/nar_pieces.ts";
import { narStream } from "../../../lib/nix/nar/nar_stream.ts";
import { unpackNar } from "../../../lib/nix/nar/unpack_nar.ts";
import { removeTree } from "../../support/remove_tree.ts";

async function sample(): Promise<Uint8Array<ArrayBuffer>> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(dir, "file"), "kedge ".repeat(100_000));
    return new Uint8Array(await new Response(narStream(dir)).arrayBuffer());
  } finally {
    await removeTree(dir);
  }
}

function packed(nar: Uint8Array, frames: number): Uint8Array<ArrayBuffer> {
  const size = Math.ceil(nar.length / frames);
  const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
  const parts = Array.from(
    { length: frames },
    (_, i) => zstdCompressSync(nar.subarray(i * size, (i + 1) * size)),
  );
  return concat([skippable, ...parts]);
}

function inPieces(bytes: Uint8Array<ArrayBuffer>, size: number): ReadableStream<Uint8Array> {
  return ReadableStream.from(function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  }());
}

Deno.test("unpackNar() reads streams of many frames, in pieces of any size", async () => {
  const nar = await sample();
  for (const frames of [1, 3, 40]) {
    const bytes = packed(nar, frames);
    for (const size of [bytes.length, 1000, 1]) {
      assertEquals(await unpackNar(inPieces(bytes, size), "zstd"), {
        narHash: sha256(nar),
        narSize: nar.length,
        fileHash: sha256(bytes),
        fileSize: bytes.length,
      });
    }
  }
});

Deno.test("unpackNar() refuses what is cut, changed, trailed or of another kind", async () => {
  const nar = await sample();
  const bytes = packed(nar, 3);
  const changed = bytes.slice();
  changed[200]! ^= 0xff;
  const refused: [Uint8Array<ArrayBuffer>, string][] = [
    [bytes.slice(0, -3), "zstd"],
    [new Uint8Array([...bytes, 1, 2, 3, 4, 5]), "zstd"],
    [new TextEncoder().encode("<!doctype html>"), "zstd"],
    [bytes, "none"],
    [nar.slice(0, -8), "none"],
  ];
  for (const [each, compression] of refused) {
    await assertRejects(() => unpackNar(inPieces(each, 4096), compression), VerificationError);
  }
  const outcome = await unpackNar(inPieces(changed, 4096), "zstd").catch((error) => error);
  assertEquals(outcome instanceof VerificationError || outcome.narHash !== sha256(nar), true);
  await assertRejects(
    () => unpackNar(inPieces(bytes, 4096), "rot13"),
    KedgeError,
    "its compression is",
  );
});

Deno.test("unpackNar() tells nobody of what comes beyond the size that it says", async () => {
  const words = ["nix-archive-1", "(", "type", "regular", "contents"];
  const length = new Uint8Array(new BigUint64Array([2n ** 40n]).buffer);
  async function* endless() {
    yield new Uint8Array([...words.flatMap((word) => [...narString(word)]), ...length]);
    for (;;) yield await Promise.resolve(new Uint8Array(65_536));
  }
  let told = 0;
  const visitor = {
    directory() {},
    file() {},
    symlink() {},
    contents: (bytes: Uint8Array) => void (told += bytes.length),
  };
  await assertRejects(
    () => unpackNar(ReadableStream.from(endless()), "none", { narSize: 200_000, visitor }),
    VerificationError,
    "more than 200000 bytes",
  );
  assert(told <= 200_000);
});

Deno.test("unpackNar() refuses a compression that only the language knows", async () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    await assertRejects(
      () => unpackNar(ReadableStream.from([new Uint8Array(8)]), name),
      VerificationError,
      "its compression is",
    );
  }
});
