import { assertEquals, assertRejects } from "@std/assert";
import { IncompleteError } from "../../../lib/base/errors.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";

for (const lost of ["new", "old"] as const) {
  Deno.test(`pushDisk() gives a layout no name for a disk of which a ${lost} pack was collected meanwhile`, async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    const layout = new Layout(world.path("store"));
    const machine = world.machine();
    const first = noise(2_000_000, 31);
    const before = await pushDisk({ file: await world.write("disk", first), reference }, machine);
    const old = (await layout.manifest(before.digest!))!.blobs.map(({ digest }) => digest);
    const second = first.slice();
    second.set(noise(700_000, 32), 1_000_000);
    const file = await world.write("disk", second);
    const report = (event: OperationEvent) => {
      if (event.type !== "phase-start" || event.phase !== "commit") return;
      for (const { name } of Deno.readDirSync(`${layout.folder}/blobs/sha256`)) {
        const path = `${layout.folder}/blobs/sha256/${name}`;
        const isOld = old.some((digest) => digest.endsWith(name));
        if (Deno.statSync(path).size > 500_000 && isOld === (lost === "old")) Deno.removeSync(path);
      }
    };
    await assertRejects(
      () => pushDisk({ file, reference }, { ...machine, report }),
      IncompleteError,
      `Cannot finish "${reference}": it lacks sha256:`,
    );
    assertEquals((await layout.find("1"))?.digest, before.digest);
    await pushDisk({ file, reference }, machine);
    await pullDisk({ reference, file: world.path("out") }, world.machine());
    await world.holds("out", second);
  });
}
