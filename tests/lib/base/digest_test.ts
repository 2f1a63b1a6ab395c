import { assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { digestOf, Hasher, sameDigest, sha256 } from "../../../lib/base/digest.ts";
import { digestHex, parseDigest } from "../../../lib/base/digest_text.ts";
import { VerificationError } from "../../../lib/base/errors.ts";

// FIPS 180-4, examples of SHA-256.
const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ofAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

Deno.test("sha256() agrees with the vectors of the standard", () => {
  assertEquals(sha256(""), parseDigest(ofNothing));
  assertEquals(sha256("abc"), parseDigest(ofAbc));
});

Deno.test("Hasher takes bytes in any pieces and tells digest and size at any time", () => {
  const hasher = new Hasher();
  assertEquals(digestHex(hasher.digest()), ofNothing);
  hasher.update(new TextEncoder().encode("a")).update(new TextEncoder().encode("bc"));
  assertEquals(digestHex(hasher.digest()), ofAbc);
  assertEquals(digestHex(hasher.digest()), ofAbc);
  assertEquals(hasher.size, 3);
});

Deno.test("sha256(), digestOf() and Hasher agree with node:crypto at every length of a block and around the end of short messages", async () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 7919) >> 3);
  const lengths = [...Array(200).keys(), 4095, 16_384, 65_535, 65_536, 65_537, 70_000];
  for (const length of lengths) {
    const part = bytes.subarray(0, length);
    const expected = createHash("sha256").update(part).digest("hex");
    assertEquals(digestHex(sha256(part)), expected, `${length} bytes`);
    assertEquals(digestHex(await digestOf(part)), expected, `${length} bytes`);
    const halves = new Hasher().update(part.subarray(0, length >> 1));
    const other = halves.copy().update(new Uint8Array(70_000));
    halves.update(part.subarray(length >> 1));
    assertEquals([digestHex(halves.digest()), halves.size], [expected, length]);
    assertEquals(other.size, (length >> 1) + 70_000);
  }
});

Deno.test("Hasher keeps what it was given when the caller writes over it", () => {
  const bytes = new TextEncoder().encode("abc");
  const hasher = new Hasher().update(bytes);
  bytes.fill(0);
  assertEquals(digestHex(hasher.digest()), ofAbc);
});

Deno.test("Hasher keeps what it was given of a Buffer, whose slice copies nothing", () => {
  const { buffer } = new Uint8Array(1 << 17).fill(7);
  const hasher = new Hasher().update(Buffer.from(buffer, 0, 100));
  buffer.transfer(0);
  assertEquals(hasher.digest(), sha256(new Uint8Array(100).fill(7)));
});

Deno.test("parseDigest() takes the prefixed and the bare form, in any case", () => {
  assertEquals(parseDigest(ofAbc.toUpperCase()), parseDigest(`sha256:${ofAbc}`));
});

Deno.test("parseDigest() refuses everything else", () => {
  const wrong = [
    "",
    "sha256:",
    ofAbc.slice(1),
    `${ofAbc}0`,
    `sha512:${ofAbc}`,
    `sha256:${ofAbc}\n`,
    "g".repeat(64),
  ];
  for (const text of wrong) assertThrows(() => parseDigest(text), VerificationError);
});

Deno.test("sameDigest() tells equal from different", () => {
  assertEquals(sameDigest(sha256("a"), sha256("a")), true);
  assertEquals(sameDigest(sha256("a"), sha256("b")), false);
});
