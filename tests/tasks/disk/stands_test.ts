import { assertEquals } from "@std/assert";
import { pullDisk } from "../../../tasks/disk/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { twoDisks } from "../../support/two_disks.ts";

const leftovers = [`.out.${"0".repeat(64)}.kedge-partial`, ".out.kedge-journal"];

Deno.test({
  name:
    "pullDisk() writes nothing to a disk that stands already, which a program may run from, and takes away what another pull left beside it",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const data = await Deno.readFile("/bin/sleep");
    const file = world.path("out");
    // By a process whose open files nobody else gets: what somebody has open for writing cannot be run.
    assertEquals((await new Deno.Command("cp", { args: ["/bin/sleep", file] }).output()).code, 0);
    await Deno.chmod(file, 0o555);
    await Deno.utime(file, 1_000_000_000, 1_000_000_000);
    const disks = await twoDisks(world, data);
    const program = new Deno.Command(file, { args: ["300"], stdin: "null" }).spawn();
    try {
      for (const reference of disks) {
        for (const left of leftovers) {
          for (const inPlace of [false, true]) {
            await world.write(left, data.slice(0, 100_000));
            const context = world.machine();
            const options = { reference, file, inPlace };
            const foreseen = await pullDisk(options, { ...context, dryRun: true });
            const done = await pullDisk(options, context);
            assertEquals([foreseen.changed, done.changed], [true, true]);
            assertEquals(done.bytesMoved, foreseen.bytesMoved);
            assertEquals(done.bytesReused, foreseen.bytesReused);
            assertEquals((await Deno.stat(file)).mtime?.getTime(), 1_000_000_000_000);
            await world.holds("out", data);
          }
        }
      }
    } finally {
      program.kill("SIGKILL");
      await program.status;
    }
  },
});
