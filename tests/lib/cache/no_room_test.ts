import { assertEquals, assertRejects } from "@std/assert";
import { NoRoomError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { inFolder } from "../../support/in_folder.ts";
import { fillDisk, mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

for (const what of ["bytes", "files"]) {
  realTest(
    `Cache.ensure() says that there is no room where a disk has no more ${what}`,
    ["root"],
    () =>
      inFolder(async (folder) => {
        await using _ = await mountSmallDisk(`${folder}/small`, 65_536, what === "files" ? 2 : 0);
        await Deno.writeTextFile(`${folder}/small/one`, "");
        if (what === "bytes") await fillDisk(`${folder}/small/one`);
        const cache = new Cache(`${folder}/small/cache`);
        const error = await assertRejects(() => cache.ensure(`${cache.dir}/blobs`), NoRoomError);
        assertEquals(
          [error.exitCode, error.message.split(":")[0], error.hint],
          [
            8,
            `Cannot make the cache folder "${cache.dir}/blobs"`,
            "make room, or name another with --cache-dir or KEDGE_CACHE_DIR",
          ],
        );
      }),
  );
}
