import { assertEquals, assertStringIncludes } from "@std/assert";
import { pushDisk } from "../../tasks/disk.ts";
import { noise } from "../support/disk.ts";
import { DiskWorld } from "../support/disk_world.ts";
import { runKedge } from "../support/program.ts";
import { canMount } from "../support/small_disk.ts";

const data = noise(500_000);

for (const kind of ["bound", "alone"] as const) {
  const why = kind === "bound" ? "this user may not give files away" : "no such user is known here";
  Deno.test({
    name: `disk:pull replaces a file of another user, and says that ${why}`,
    ignore: !canMount,
    fn: async () => {
      await using world = await DiskWorld.make();
      const reference = `oci:${world.path("store")}:1`;
      await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
      const file = await world.write("out", noise(1000));
      await Deno.chown(file, 1234, 1234);
      const args = ["disk:pull", reference, file];
      const run = await runKedge(args, { cacheDir: world.path("cache"), [kind]: true });
      assertEquals(run.code, 0, run.stderr);
      const before = kind === "bound" ? "1234:1234" : "65534:65534";
      const note = `the file belonged to ${before}, and belongs to 0:0 now, since ${why}`;
      assertStringIncludes(run.stderr, note);
      await world.holds("out", data);
    },
  });
}
