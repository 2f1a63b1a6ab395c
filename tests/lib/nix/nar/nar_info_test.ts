import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { sha256 } from "../../../../lib/base/digest.ts";
import { UsageError, VerificationError } from "../../../../lib/base/errors.ts";
import {
  fingerprint,
  formatNarInfo,
  type NarInfo,
  parseNarInfo,
} from "../../../../lib/nix/nar/nar_info.ts";
import {
  generateSigningKey,
  parsePublicKey,
  parseSigningKey,
  signFingerprint,
  verifySignature,
} from "../../../../lib/nix/signing_key.ts";
import { parseStorePath } from "../../../../lib/nix/store_path.ts";

const text = `StorePath: /nix/store/37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-mid7
URL: nar/0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73.nar.zst
Compression: zstd
FileHash: sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
FileSize: 120
NarHash: sha256:0ykm3xkik300fd444v28k3g1n5smmcbjwgy2i55vck7nbp5s92cg
NarSize: 168
References: dk7vizqg1nnzfihhx43s4gnyzjrvhzwn-leaf
Deriver: 37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-mid7.drv
Sig: kedge-test-1:06YC6GMlXgjOZaV+f2JVwsJXL+26CmaIDk1cpRtbyaJbw80g8IDxSnwrZgUvfD63NFVsFzllEn5IGweZ3hlECg==
CA: fixed:r:sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
`;
const publicText = "kedge-test-1:hTSOHsWPYjlR96MjxdKXtYyCPLylva2tvgAOqcBWPBs=";

Deno.test("formatNarInfo() gives back what parseNarInfo() took", () => {
  assertEquals(formatNarInfo(parseNarInfo(text)), text);
  const minimal: NarInfo = {
    storePath: parseStorePath("/nix/store/37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-a"),
    url: "nar/a.nar",
    compression: "none",
    narHash: sha256("x"),
    narSize: 1,
    references: [],
    signatures: [],
  };
  assertStringIncludes(formatNarInfo(minimal), "\nReferences: \n");
  assertEquals(parseNarInfo(formatNarInfo(minimal)), minimal);
});

Deno.test("fingerprint() and verifySignature() agree with Nix", async () => {
  const info = parseNarInfo(text);
  assertEquals(
    fingerprint(info),
    "1;/nix/store/37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-mid7;sha256:0ykm3xkik300fd444v28k3g1n5smmcbjwgy2i55vck7nbp5s92cg;168;" +
      "/nix/store/dk7vizqg1nnzfihhx43s4gnyzjrvhzwn-leaf",
  );
  const key = await parsePublicKey(publicText);
  const signature = info.signatures[0]!;
  assert(await verifySignature(key, fingerprint(info), signature));
  assert(!await verifySignature(key, `${fingerprint(info)} `, signature));
  assert(
    !await verifySignature(key, fingerprint(info), signature.replace("kedge-test-1", "other")),
  );
  assert(!await verifySignature(key, fingerprint(info), "kedge-test-1:AAAA"));
});

Deno.test("parseNarInfo() passes over what it does not know, and takes Nix's defaults", () => {
  const info = parseNarInfo(
    text.replace("Compression: zstd\n", "System: x86_64-linux\n").replace(
      /Deriver: .*/,
      "Deriver: unknown-deriver",
    )
      .replace(/References: .*/, "References:"),
  );
  assertEquals([info.compression, info.deriver, info.references], ["bzip2", undefined, []]);
});

Deno.test("parseNarInfo() drops what stands for a signature and is none", () => {
  const junk = [
    "junk",
    ":AAAA",
    "key:",
    "key:no base64",
    "key:AA==:AA==",
    "two:AAAA keys:AAAA",
    "",
  ];
  const lines = junk.map((each) => `Sig: ${each}\n`).join("");
  assertEquals(parseNarInfo(text + lines), parseNarInfo(text));
});

Deno.test("parseNarInfo() refuses hostile texts", () => {
  const refused: [string | RegExp, string, string][] = [
    [/\n$/, "", "its last line is cut"],
    [/^StorePath.*\n/, "", "the field StorePath is missing"],
    [/URL: .*\n/, "", "the field URL is missing"],
    [/NarHash: .*\n/, "", "the field NarHash is not a sha256"],
    [/NarSize: .*\n/, "", "the field NarSize is missing"],
    ["NarSize: 168", "NarSize: 0", "the field NarSize is 0"],
    ["NarSize: 168", "NarSize: -1", 'the field NarSize is "-1"'],
    ["NarSize: 168", "NarSize: 1e9", "the field NarSize is"],
    ["NarSize: 168", "NarSize: 99999999999999999999", "the field NarSize is"],
    ["URL: nar/", "URL: ../../", "the field URL is"],
    ["URL: nar/", "URL: /etc/", "the field URL is"],
    ["URL: nar/", "URL: file:///etc/", "the field URL is"],
    ["URL: nar/", "URL: nar/%2e%2e/", "the field URL is"],
    ["URL: nar/", "URL: nar\\..\\", "the field URL is"],
    ["StorePath: /nix/store/", "StorePath: /nix/store/../", "the field StorePath is"],
    ["References: ", "References: ../../etc/passwd ", "the field References holds"],
    ["Deriver: ", "Deriver: /etc/", "the field Deriver holds"],
    ["FileSize: 120", "FileSize: 120\nFileSize: 1", "the field FileSize stands twice"],
    ["FileSize: 120", "nonsense", '"nonsense" is not a field'],
    ["FileSize: 120", "FileSize: 1\r", "holds control characters"],
    [/^[\s\S]*$/, "<!doctype html>\n<title>Not found</title>\n", "is not a field"],
  ];
  for (const [from, to, message] of refused) {
    assertThrows(() => parseNarInfo(text.replace(from, to)), VerificationError, message);
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (any) => {
    assertThrows(() => parseNarInfo(any), VerificationError);
  }));
});

Deno.test("generateSigningKey() makes keys that sign", async () => {
  const made = await generateSigningKey("cache.example.org-1");
  const key = await parseSigningKey(made.secretText, "a test");
  assertEquals(key.publicKey.text, made.publicText);
  const signature = await signFingerprint(key, "text");
  assert(await verifySignature(await parsePublicKey(made.publicText), "text", signature));
});

Deno.test("parseSigningKey() refuses keys of wrong shape, and never shows one", async () => {
  const { secretText, publicText } = await generateSigningKey("k");
  const other = await generateSigningKey("k");
  const half = (key: string) => atob(key.split(":")[1]!);
  const mixed = `k:${btoa(half(secretText).slice(0, 32) + half(other.secretText).slice(32))}`;
  const refused: [string, string][] = [
    ["", "it is not a secret key of Nix"],
    ["nonsense", "it is not a secret key of Nix"],
    [secretText.slice(2), "it is not a secret key of Nix"],
    [secretText.slice(0, -4), "it is not a secret key of Nix"],
    [publicText, "it is not a secret key of Nix"],
    [`a b${secretText.slice(1)}`, "its name is not allowed"],
    [mixed, "do not belong together"],
  ];
  for (const [key, message] of refused) {
    const error = await parseSigningKey(key, "a test").then(() => undefined, (thrown) => thrown);
    assert(error instanceof UsageError, key);
    assertStringIncludes(error.message, message);
    if (key.length > 60) assert(!error.message.includes(key.slice(-40)));
  }
});
