import { assert } from "@std/assert";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { DiskWorld, putDisk } from "../../support/disk_world.ts";
import { indexOfChunks, largeIndex } from "../../support/large_index.ts";
import { memoryOf } from "../../support/memory_of.ts";

Deno.test({
  name: "an inspection, a comparison and the dry run of a pull take at most 300 MB for 2^23 rows",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const store = world.path("store");
    const layout = new Layout(store, new AbortController().signal);
    for (const seed of [1, 2]) {
      await putDisk(layout, `${seed}`, largeIndex(2 ** 23, 1000, seed), []);
    }
    const [from, to] = [`oci:${store}:1`, `oci:${store}:2`];
    const ways: [task: string, options: object][] = [
      ["inspectDisk", { reference: from }],
      ["diffDisks", { from, to }],
      ["pullDisk", { reference: from, file: world.path("out") }],
    ];
    for (const [task, options] of ways) {
      const taken = await memoryOf(task, 2, options, { dryRun: true });
      assert(taken < 300_000_000, `${taken} bytes for ${task}`);
    }
  },
});

Deno.test({
  name: "an inspection and a comparison take at most 300 MB for 2^22 different chunks",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const layout = new Layout(world.path("store"), new AbortController().signal);
    await putDisk(layout, "1", indexOfChunks(2 ** 22), []);
    // The comparison has the chunks of both sides, whether they are the same or not.
    const disk = `oci:${layout.folder}:1`;
    const ways = [["inspectDisk", { reference: disk }], ["diffDisks", { from: disk, to: disk }]];
    for (const [task, options] of ways as [string, object][]) {
      const taken = await memoryOf(task, 2, options);
      assert(taken < 300_000_000, `${taken} bytes for ${task}`);
    }
  },
});
