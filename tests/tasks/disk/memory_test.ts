import { assert, assertEquals } from "@std/assert";
import { pushDisk } from "../../../tasks/disk/disk.ts";
import { join, noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { memoryOf } from "../../support/memory_of.ts";
import { putTart, repeatedLayer, tartImageOf } from "../../support/tart.ts";

Deno.test({
  name:
    "a push takes at most 300 MB and a verify 240 MB, also for the largest chunks on many cores",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("disk", noise(350_000_000));
    for (const cores of [2, 8]) {
      const reference = `oci:${world.path("store")}:${cores}`;
      const cut = { chunker: "cdc", chunkBytes: 4 * 1024 * 1024, repack: true };
      const pushing = await memoryOf("pushDisk", cores, { file, reference, ...cut });
      assert(pushing < 300_000_000, `${pushing} bytes to push on ${cores} cores`);
      const verifying = await memoryOf("verifyDisk", cores, { file, reference });
      assert(verifying < 240_000_000, `${verifying} bytes to verify on ${cores} cores`);
    }
  },
});

Deno.test({
  name: "a push takes at most 240 MB also for a hundred thousand blocks of 4 KiB on many cores",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("disk", noise(410_000_000));
    const reference = `oci:${world.path("store")}:1`;
    const cut = { chunker: "fixed", chunkBytes: 4096 };
    const pushing = await memoryOf("pushDisk", 8, { file, reference, ...cut });
    assert(pushing < 240_000_000, `${pushing} bytes`);
  },
});

Deno.test({
  name: "a push takes at most 300 MB also at a level that takes tables of 90 MB for a large chunk",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("disk", noise(210_000_000));
    const reference = `oci:${world.path("store")}:1`;
    const cut = { chunker: "cdc", chunkBytes: 2 * 1024 * 1024, level: 15 };
    const pushing = await memoryOf("pushDisk", 8, { file, reference, ...cut });
    assert(pushing < 300_000_000, `${pushing} bytes`);
  },
});

Deno.test({
  name:
    "a pull takes at most 300 MB also for the largest chunks, in place or beside, many ranges at a time",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const disk = await world.write("disk", join(noise(150_000_000), noise(150_000_000, 2)));
    const reference = `oci:${world.path("store")}:1`;
    const cut = { chunker: "cdc", chunkBytes: 4 * 1024 * 1024 } as const;
    await pushDisk({ file: disk, reference, ...cut }, world.machine());
    const other = await world.write("other", noise(300_000_000, 3));
    const file = world.path("new");
    const beside = { file, reference, bases: [disk, other], concurrency: 64 };
    const inPlace = { file: other, reference, inPlace: true, concurrency: 64 };
    for (const options of [{ file, reference, concurrency: 64 }, beside, inPlace]) {
      const pulling = await memoryOf("pullDisk", 8, options);
      assert(pulling < 300_000_000, `${pulling} bytes for ${JSON.stringify(options)}`);
      await Deno.remove(file).catch(() => {});
    }
  },
});

Deno.test({
  name: "a pull of a Tart image takes at most 160 MB, of which a layer alone has 512 MiB",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const text = new TextEncoder().encode("tart ".repeat(400_000));
    const layers = [1, 2].map((seed) => {
      const part = join(noise(2_000_000, seed), text, new Uint8Array(4 * 1024 * 1024));
      return repeatedLayer(part.subarray(0, 4 * 1024 * 1024), 128);
    });
    const reference = await putTart(world.path("store"), "1", tartImageOf(layers));
    const pulling = await memoryOf("pullDisk", 8, { reference, file: world.path("out") });
    assert(pulling < 160_000_000, `${pulling} bytes`);
    assertEquals((await Deno.stat(world.path("out"))).size, 2 * 512 * 1024 * 1024);
  },
});
