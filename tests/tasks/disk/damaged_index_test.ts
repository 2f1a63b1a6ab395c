/** An index in the cache that was damaged there. @module */
import { assertEquals } from "@std/assert";
import { Cache } from "../../../lib/cache/cache.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";

Deno.test("pullDisk() fetches an index that was damaged in the cache, and not again the next time", async () => {
  await using world = await DiskWorld.make();
  const data = noise(500_000);
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  const cache = new Cache(world.path("cache"));
  const pull = (name: string) => {
    const options = { reference, file: world.path(name), bases: [world.path("disk")] };
    return pullDisk(options, { ...world.machine(), cache });
  };
  const { bytesMoved } = await pull("first");
  for await (const { path } of cache.blobs.list()) {
    const bytes = await Deno.readFile(path);
    await Deno.chmod(path, 0o644);
    await Deno.writeFile(path, bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1));
  }
  assertEquals((await pull("second")).bytesMoved, bytesMoved);
  assertEquals((await pull("third")).bytesMoved, 0);
  await world.holds("third", data);
});
