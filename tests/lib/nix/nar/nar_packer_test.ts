/** Whoever packs a NAR, on whichever thread, gives the same bytes; and a spool knows how what it keeps was packed. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import * as v from "valibot";
import { buckets } from "../../../../lib/cache/buckets.ts";
import { Cache } from "../../../../lib/cache/cache.ts";
import type { NarPacking } from "../../../../lib/nix/nar/compression.ts";
import { hashNar } from "../../../../lib/nix/nar/hash_nar.ts";
import { NarPacker } from "../../../../lib/nix/nar/nar_packer.ts";
import { packNar } from "../../../../lib/nix/nar/pack_nar.ts";
import { unpackNar } from "../../../../lib/nix/nar/unpack_nar.ts";
import { PublishSpool } from "../../../../tasks/publish/spool.ts";
import { removeTree } from "../../../support/remove_tree.ts";

const zstd = (level: number): NarPacking => ({ compression: "zstd", level });

/** A file of words, which zstd can pack, of about so many bytes. */
async function fileOfWords(dir: string, bytes: number): Promise<string> {
  const path = join(dir, `words-${bytes}`);
  let text = "";
  for (let i = 0; text.length < bytes; i++) text += `line ${i % 977} of ${(i * 7919) % 10_007}\n`;
  await Deno.writeTextFile(path, text);
  return path;
}

for (const bytes of [700, 900_000, 5_000_000]) {
  Deno.test(`a NAR of ${bytes} bytes is packed to the same bytes here and on a thread`, async () => {
    const dir = await Deno.makeTempDir({ prefix: "kedge-pack-" });
    try {
      const source = await fileOfWords(dir, bytes);
      const nar = await hashNar(source);
      for (const packing of [zstd(3), zstd(1), { compression: "none", level: 0 } as const]) {
        const file = (name: string) => join(dir, `${name}-${packing.compression}-${packing.level}`);
        const here = packNar({ source, file: file("here"), packing });
        const sized = packNar({ source, file: file("sized"), packing, narSize: nar.narSize });
        using packer = new NarPacker(new AbortController().signal);
        packer.onThread = () => true;
        const order = { source, file: file("thread"), packing, label: source, ...nar };
        const onThread = await packer.pack(order);
        assertEquals([sized, onThread], [here, here]);
        assertEquals(here.narHash, nar.narHash);
        const stream = (await Deno.open(file("thread"))).readable;
        const unpacked = await unpackNar(stream, packing.compression);
        assertEquals([unpacked.narHash, unpacked.fileHash], [nar.narHash, here.fileHash]);
      }
    } finally {
      await removeTree(dir);
    }
  });
}

Deno.test("PublishSpool gives no NAR that was packed in another way, nor one of other tables", async () => {
  const dir = await Deno.makeTempDir({ prefix: "kedge-pack-" });
  try {
    const cache = new Cache(join(dir, "cache"));
    await using spool = new PublishSpool(cache);
    const source = await fileOfWords(dir, 5000);
    const nar = await hashNar(source);
    const pack = async (packing: NarPacking) => {
      await using lease = await spool.lease();
      return await spool.keep(
        lease.path,
        packNar({ source, file: lease.path, packing }),
        packing,
        "words",
      );
    };
    const strong = await pack(zstd(9));
    const known = cache.entry(
      buckets.nars,
      `${nar.narHash} zstd 3`,
      v.looseObject({ fileHash: v.string() }),
    );
    const { path: _path, fresh: _fresh, ...value } = strong;
    // What level 3 meant before its tables were made smaller.
    await known.write(value, { refs: [strong.fileHash] });
    assertEquals(await spool.find(nar.narHash, zstd(3)), undefined);
    const small = await pack(zstd(3));
    assertNotEquals(small.fileHash, strong.fileHash);
    assertEquals((await spool.find(nar.narHash, zstd(3)))?.fileHash, small.fileHash);
    assertEquals((await spool.find(nar.narHash, zstd(9)))?.fileHash, strong.fileHash);
  } finally {
    await removeTree(dir);
  }
});
