import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { decodeNix32, encodeNix32 } from "../../../lib/nix/nix32.ts";
import { formatNixHash, parseNixHash } from "../../../lib/nix/nix_hash.ts";

const ofNothing = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";

Deno.test("formatNixHash() agrees with nix hash to-base32", () => {
  assertEquals(formatNixHash(sha256("")), ofNothing);
  assertEquals(
    formatNixHash(sha256("abc")),
    "sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s",
  );
});

Deno.test("parseNixHash() reads base 32, hexadecimal and base 64", () => {
  for (
    const text of [
      ofNothing,
      "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    ]
  ) assertEquals(parseNixHash(text), sha256(""));
});

Deno.test("decodeNix32() gives back what encodeNix32() took", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
    const text = encodeNix32(bytes);
    assertEquals(text.length, Math.ceil(bytes.length * 8 / 5));
    assertEquals([...decodeNix32(text, bytes.length)], [...bytes]);
  }));
});

Deno.test("parseNixHash() refuses everything else", () => {
  const refused = [
    "",
    "sha256:",
    "md5:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
    `${ofNothing}0`,
    ofNothing.slice(0, -1),
    ofNothing.replace("q", "e"),
    "sha256:z".padEnd(59, "0"),
    "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
  ];
  for (const text of refused) {
    assertThrows(() => parseNixHash(text), VerificationError, "Cannot read");
  }
});
