/** Files of which nearly all is holes. @module */
import { assertEquals, assertRejects } from "@std/assert";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pushDisk } from "../../../tasks/disk/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";

Deno.test({
  name: "a dry run of disk:push says before it reads a file that its holes are read too",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("disk", new Uint8Array(4096));
    await Deno.truncate(file, 5 * 1024 ** 4);
    const stop = new AbortController();
    const notes: string[] = [];
    const report = (event: OperationEvent) => {
      if (event.type !== "note") return;
      notes.push(event.message);
      stop.abort();
    };
    const options = { file, reference: `oci:${world.path("store")}:1` };
    const machine = { ...world.machine(), report, signal: stop.signal, dryRun: true };
    await assertRejects(() => pushDisk(options, machine));
    assertEquals(notes.slice(0, 1), [
      `"${file}" takes 4 KiB of its disk, and has 5 TiB: its holes are read too, which takes as long as if they were data`,
    ]);
  },
});
