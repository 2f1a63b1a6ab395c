import { assertEquals, assertThrows } from "@std/assert";
import { digestHex, Hasher, parseDigest, sameDigest, sha256 } from "../../../lib/base/digest.ts";
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
