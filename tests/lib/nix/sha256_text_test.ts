import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import fc from "fast-check";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { UsageError } from "../../../lib/base/errors.ts";
import { formatNixHash } from "../../../lib/nix/nix_hash.ts";
import { parseSha256 } from "../../../lib/nix/sha256_text.ts";
import { fetchurlExpression } from "../../../lib/nix/stores/store_file.ts";
import { NixWorld } from "../../support/nix.ts";
import { realTest } from "../../support/real.ts";
import { removeTree } from "../../support/remove_tree.ts";

const hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const base32 = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
const base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

for (
  const text of [
    ...[hex, hex.toUpperCase(), `sha256:${hex}`, `SHA256:${hex.toUpperCase()}`],
    ...[base32, `sha256:${base32}`, base64, `sha256:${base64}`, `sha256-${base64}`],
  ]
) {
  Deno.test(`parseSha256() reads ${text}`, () => assertEquals(parseSha256(text), sha256("")));
}

Deno.test("parseSha256() reads each digest in each of its spellings", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    const digest = sha256(text);
    const sri = /hash = "(.*)"/.exec(fetchurlExpression("https://a/b", digest, "b"))![1]!;
    const nix32 = formatNixHash(digest);
    for (const each of [digest, digestHex(digest), sri, sri.slice(7), nix32, nix32.slice(7)]) {
      assertEquals(parseSha256(each), digest);
    }
  }));
});

realTest("parseSha256() reads what Nix prints of a file", [
  "nix",
  "nix-hash",
  "nix-prefetch-url",
], async () => {
  const dir = await Deno.makeTempDir({ prefix: "kedge-test-" });
  try {
    const world = new NixWorld(dir);
    const file = join(dir, "file");
    await Deno.writeTextFile(file, "abc");
    const features = ["--extra-experimental-features", "nix-command"];
    for (
      const [program, ...args] of [
        ["nix", ...features, "hash", "file", file],
        ["nix", ...features, "hash", "file", "--base16", file],
        ["nix", ...features, "hash", "file", "--base32", file],
        ["nix", ...features, "hash", "file", "--base64", file],
        ["nix-hash", "--type", "sha256", "--flat", file],
        ["nix-hash", "--type", "sha256", "--flat", "--base32", file],
        ["nix-prefetch-url", `file://${file}`],
      ]
    ) {
      const printed = (await world.run(program!, args)).trim();
      assertEquals(parseSha256(printed), sha256("abc"), `${program} ${args.join(" ")}: ${printed}`);
    }
  } finally {
    await removeTree(dir);
  }
});

for (
  const [text, state] of [
    ["", "it has 0 digits, and a sha256 has 64 in hexadecimal, 52 in Nix's base 32, 44 in base 64"],
    ["sha256:", "it has 0 digits"],
    ["x", "it has 1 digit, and"],
    [hex.slice(1), "it has 63 digits"],
    [`${hex}0`, "it has 65 digits"],
    [`${hex.slice(1)}g`, "it has 64 digits as hexadecimal, but is none"],
    [base32.toUpperCase(), "it has 52 digits as Nix's base 32, but is none"],
    [`sha256:e${base32.slice(1)}`, "it has 52 digits as Nix's base 32, but is none"],
    [`z${base32.slice(1)}`, "it has 52 digits as Nix's base 32, but is none"],
    [base64.slice(0, -1), "it has 43 digits"],
    [base64.replaceAll("+", "-"), "it has 44 digits as base 64, but is none"],
    [`sha256-${base64.slice(0, -1)}`, "behind sha256- stand 43 digits of base 64 and a ="],
    [`sha256-${hex}`, "behind sha256- stand 43 digits of base 64 and a ="],
    [`sha512-${base64}`, 'it is not a sha256, but "sha512"'],
    [`md5:${hex.slice(32)}`, 'it is not a sha256, but "md5"'],
    [` ${hex}`, "it has 65 digits"],
    [`${hex}\n`, "it has 65 digits"],
  ] as const
) {
  Deno.test(`parseSha256() refuses ${JSON.stringify(text)}`, () => {
    const error = assertThrows(() => parseSha256(text), UsageError);
    assertStringIncludes(error.message, `Cannot use the digest ${JSON.stringify(text)}: ${state}`);
    assert(error.hint !== undefined);
  });
}
