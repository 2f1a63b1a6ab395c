/** What a collection of a layout says of itself. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { collectImages } from "../../../tasks/image/gc.ts";
import { writeImage } from "../../support/layout.ts";

Deno.test("collectImages() tells what it took out, why, and whether it was only counted", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const tag of ["a", "b"]) await writeImage(join(folder, "images"), tag, { layers: [tag] });
    const ctx = { cache: new Cache(join(folder, "cache")) };
    const collect = async (untag: readonly string[], dryRun = false) => {
      const layout = `oci:${join(folder, "images")}`;
      const result = await collectImages({ layout, untag, graceMs: -1000 }, { ...ctx, dryRun });
      const { changed, untagged, why } = result;
      return [changed, untagged, result.removed.length, why, result.dryRun];
    };
    const some = [true, ["a"], 3, "without 1 name, no name leads to 3 blobs"];
    assertEquals(await collect(["a", "none", "a"], true), [...some, true]);
    assertEquals(await collect(["a", "none", "a"]), [...some, false]);
    const none = [
      false,
      [],
      0,
      "names lead to all 3 blobs there, or what they do not lead to is young",
    ];
    assertEquals(await collect([]), [...none, false]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
