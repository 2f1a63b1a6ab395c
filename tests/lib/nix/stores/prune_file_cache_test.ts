import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../../lib/base/digest.ts";
import { formatNarInfo } from "../../../../lib/nix/nar/nar_info.ts";
import { intendPrune, pruneFileCache } from "../../../../lib/nix/stores/prune_file_cache.ts";
import { parseStorePath } from "../../../../lib/nix/store_path.ts";
import { canMountFresh, mountFreshDisk } from "../../../support/fresh_disk.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { fillDisk } from "../../../support/small_disk.ts";
import { namesIn } from "../../../support/published_versions.ts";

const { signal } = new AbortController();

/** Writes paths into the folder of a binary cache; gives their hash parts. */
async function writePaths(dir: string, count: number): Promise<string[]> {
  await Deno.mkdir(join(dir, "nar"));
  const hashParts: string[] = [];
  for (let at = 0; at < count; at++) {
    const hashPart = String(at).padStart(32, "0");
    const url = `nar/${at}.nar`;
    await Deno.writeTextFile(join(dir, url), "nar");
    const info = formatNarInfo({
      storePath: parseStorePath(`/nix/store/${hashPart}-x`),
      narHash: sha256(String(at)),
      narSize: 3,
      references: [],
      signatures: [],
      url,
      compression: "none",
      fileSize: 3,
    });
    await Deno.writeTextFile(join(dir, `${hashPart}.narinfo`), info);
    hashParts.push(hashPart);
  }
  return hashParts;
}

Deno.test({
  name:
    "pruneFileCache() deletes all on a full disk, where the folder has no room for all narinfos that are moved aside",
  ignore: !canMountFresh,
  fn: () =>
    inFolder(async (folder) => {
      const dir = join(folder, "store");
      await using _disk = await mountFreshDisk(dir, 8 * 1024 * 1024);
      const hashParts = await writePaths(dir, 100);
      for (const name of ["pruned", "prunes"]) {
        await Deno.mkdir(join(dir, ".kedge", name), { recursive: true });
      }
      await fillDisk(join(dir, "filler"));
      assertEquals(await intendPrune(dir, hashParts), undefined);
      const live = () => Promise.resolve(new Set<string>());
      const done = await pruneFileCache(dir, { hashParts }, undefined, live, signal);
      assertEquals(done, { paths: 100, bytes: 300 });
      assertEquals([await namesIn(dir, ".narinfo"), await namesIn(join(dir, "nar"), "")], [[], []]);
      assertEquals(await namesIn(join(dir, ".kedge", "pruned"), ""), []);
    }),
});
