/** Files whose mode forbids their owner to read or write them, which a pull replaces by one of the same mode. @module */
import { assertEquals } from "@std/assert";
import { pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

const data = noise(2_000_000);

for (const mode of [0o200, 0o000, 0o444]) {
  const name = mode.toString(8).padStart(4, "0");
  realTest(
    `disk:pull replaces a file of mode ${name}, also where an unfinished one has that mode`,
    ["bound"],
    async () => {
      await using world = await DiskWorld.make();
      const reference = `oci:${world.path("store")}:1`;
      const pushed = await pushDisk(
        { file: await world.write("disk", data), reference },
        world.machine(),
      );
      const partial = world.path(`.out.${pushed.digest!.slice(7)}.kedge-partial`);
      for (const left of [undefined, data, data.with(1_500_000, data[1_500_000]! ^ 1)]) {
        const out = await world.write("out", new Uint8Array(0));
        await Deno.chmod(out, mode);
        if (left !== undefined) {
          await Deno.writeFile(partial, left);
          await Deno.chmod(partial, mode);
        }
        const options = { cacheDir: world.path("cache"), bound: true };
        const dry = await runKedge(["disk:pull", reference, out, "--dry-run"], options);
        assertEquals(dry.code, 0, dry.stderr);
        const run = await runKedge(["disk:pull", reference, out], options);
        assertEquals(run.code, 0, run.stderr);
        assertEquals((await Deno.stat(out)).mode! & 0o7777, mode);
        await Deno.chmod(out, 0o600);
        await world.holds("out", data);
        await Deno.remove(out);
      }
    },
  );
}
