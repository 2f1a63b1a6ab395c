/** Content addresses that a narinfo states, in each way in which Nix spells their hashes. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { encodeBase64 } from "@std/encoding";
import { type Digest, sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { contentAddressFault } from "../../../lib/nix/content_address.ts";
import { encodeNix32 } from "../../../lib/nix/nix32.ts";
import { parseStorePath } from "../../../lib/nix/store_path.ts";

const storePath = parseStorePath(`/nix/store/${"a".repeat(32)}-x`);
const narHash = sha256("a NAR");

function faultOf(hash: string, of: Digest = narHash): string | undefined {
  return contentAddressFault({
    ca: `fixed:r:sha256:${hash}`,
    narHash: of,
    references: [],
    storePath,
  });
}

for (
  const [spelling, encode] of [
    ["base 16", (bytes) => bytes.toHex()],
    ["base 32", encodeNix32],
    ["base 64", encodeBase64],
  ] as [string, (bytes: Uint8Array<ArrayBuffer>) => string][]
) {
  const hash = encode(Uint8Array.fromHex(digestHex(narHash)));
  Deno.test(`contentAddressFault() reads a hash in ${spelling}, and holds it against the NAR's`, () => {
    assertEquals(faultOf(hash), undefined);
    assertStringIncludes(faultOf(hash, sha256("another"))!, "its NAR has the hash");
  });
  Deno.test(`contentAddressFault() takes a hash in ${spelling} for none that lacks its last letter`, () => {
    assertStringIncludes(faultOf(hash.slice(0, -1))!, "its content address is");
  });
}
