import { assertEquals } from "@std/assert";
import { pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { smbFolders, smbPrograms } from "../../support/smb.ts";

const data = noise(2_000_000);

realTest("disk:pull writes to a folder that is shared by SMB", smbPrograms, async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  await Deno.mkdir(world.path("shared"));
  const env = await smbFolders(world.path("."));
  for (const flags of [[], ["--in-place"]]) {
    if (flags.length > 0) await world.write("shared/out", data.toReversed());
    const { code, stderr } = await runKedge(
      ["disk:pull", reference, world.path("shared/out"), ...flags],
      { cacheDir: world.path("cache"), env },
    );
    assertEquals(code, 0, stderr);
    await world.holds("shared/out", data);
  }
});
