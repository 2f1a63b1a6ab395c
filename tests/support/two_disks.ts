import { pushDisk } from "../../tasks/disk/disk.ts";
import type { DiskWorld } from "./disk_world.ts";
import { putTart, tartImage } from "./tart.ts";

/** A disk and a Tart image of the same data, in one layout; their references. */
export async function twoDisks(world: DiskWorld, data: Uint8Array<ArrayBuffer>): Promise<string[]> {
  const reference = `oci:${world.path("store")}`;
  const file = await world.write("disk", data);
  await pushDisk({ file, reference: `${reference}:disk` }, world.machine());
  await putTart(world.path("store"), "tart", tartImage(data, 300_000));
  return [`${reference}:disk`, `${reference}:tart`];
}
