import { assertEquals } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { statedDigest } from "../../../lib/http/stated_digest.ts";

const digest = sha256("what the origin has");
const bytes = Uint8Array.fromHex(digest.slice(7));
const [base64, hex] = [bytes.toBase64(), bytes.toHex()];
const other = sha256("something else").slice(7);

const cases: readonly [string, Record<string, string>, boolean][] = [
  ["nothing", {}, false],
  ["sha-256", { "repr-digest": `sha-256=:${base64}:` }, true],
  ["sha-256 after others", { "repr-digest": `sha-512=:AAAA:,\tsha-256=:${base64}:;x=1` }, true],
  ["another algorithm only", { "repr-digest": `sha-512=:${base64}:` }, false],
  ["an algorithm that ends so", { "repr-digest": `x-sha-256=:${base64}:` }, false],
  ["too few bytes", { "repr-digest": `sha-256=:${bytes.slice(1).toBase64()}:` }, false],
  ["what is not base64", { "repr-digest": "sha-256=:%%%%:" }, false],
  ["a digest without its colons", { "repr-digest": `sha-256=${base64}` }, false],
  ["that of a part", { "content-digest": `sha-256=:${base64}:` }, false],
  ["two that differ", { "repr-digest": `sha-256=:${base64}:`, "x-checksum-sha256": other }, false],
  ["two that agree", { "repr-digest": `sha-256=:${base64}:`, "x-checksum-sha256": hex }, true],
  ["one that is none", { "repr-digest": `sha-256=:%:`, "x-checksum-sha256": hex }, false],
  ["hexadecimal digits", { "x-checksum-sha256": ` ${hex.toUpperCase()} ` }, true],
  ["too many of them", { "x-checksum-sha256": `${hex}0` }, false],
  ["the header twice", { "x-checksum-sha256": `${hex}, ${hex}` }, false],
];

for (const [what, headers, isStated] of cases) {
  Deno.test(`statedDigest() of ${what}`, () => {
    assertEquals(statedDigest(new Headers(headers)), isStated ? digest : undefined);
  });
}
