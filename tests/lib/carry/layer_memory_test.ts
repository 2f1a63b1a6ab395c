import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import * as v from "valibot";
import type { Digest } from "../../../lib/base/digest.ts";
import { freeBytes } from "../../../lib/base/disk_space.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { LayerMemory } from "../../../lib/carry/layer_memory.ts";
import { inFolder } from "../../support/in_folder.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { removeTree } from "../../support/remove_tree.ts";
import { realTest } from "../../support/real.ts";

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}` as Digest;
const image = digestOf("0");

Deno.test("LayerMemory is written once, and of a long run every two seconds too", async () => {
  const dir = await Deno.makeTempDir();
  try {
    let now = 0;
    const cache = new Cache(dir, { now: () => now });
    const schema = v.record(v.string(), v.unknown());
    const written = async () => {
      const record = await cache.entry(buckets.oci, `layers ${image}`, schema).read();
      return record && [record.updatedMs, Object.keys(record.value)];
    };
    const [first, second, third] = ["a", "b", "c"].map(digestOf) as [Digest, Digest, Digest];
    const memory = await LayerMemory.recall(cache, image, []);
    const learn = (layer: Digest) =>
      memory.learn(layer, {
        ...{ stores: [], hidden: [], links: [], database: false, databaseFiles: [] },
      });
    await memory.write();
    now = 1500;
    await learn(first);
    assertEquals(await written(), undefined);
    now = 2500;
    await learn(second);
    assertEquals(await written(), [2500, [first, second]]);
    now = 3000;
    await memory.write();
    assertEquals(await written(), [2500, [first, second]]);
    await learn(third);
    assertEquals(await written(), [2500, [first, second]]);
    await memory.write();
    assertEquals(await written(), [3000, [first, second, third]]);
    now = 6000;
    memory.share(first);
    await memory.write();
    assertEquals(await written(), [3000, [first, second, third]]);
  } finally {
    await removeTree(dir);
  }
});

realTest(
  "LayerMemory is not written where there is no room, which ends nothing",
  ["root"],
  async () => {
    await inFolder(async (folder) => {
      const dir = join(folder, "cache");
      await using _disk = await mountSmallDisk(dir, 2 ** 20);
      const cache = new Cache(dir);
      const facts = { hidden: [], links: [], database: false, databaseFiles: [] };
      const memory = await LayerMemory.recall(cache, image, []);
      await memory.learn(digestOf("a"), { stores: [], ...facts });
      await memory.write();
      await Deno.writeFile(join(dir, "fill"), new Uint8Array(freeBytes(dir)! - 4096));
      const stores = ["x".repeat(100_000)];
      await memory.learn(digestOf("b"), { stores, ...facts });
      await memory.write();
      await Deno.remove(join(dir, "fill"));
      const again = await LayerMemory.recall(cache, image, []);
      assertEquals(again.of(digestOf("a"))?.stores, []);
      assertEquals(again.of(digestOf("b")), undefined);
    });
  },
);
