import { assertEquals, assertRejects } from "@std/assert";
import { VerificationError } from "../../../lib/base/errors.ts";
import { LayoutDiskStore } from "../../../lib/disk/layout_disk_store.ts";
import { parseReference } from "../../../lib/oci/reference.ts";
import { pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";

const { signal } = new AbortController();

function storeOf(world: DiskWorld, name: string): LayoutDiskStore {
  const reference = parseReference(`oci:${world.path(name)}:1`);
  if (reference.transport !== "oci") throw new Error("no layout");
  return new LayoutDiskStore(reference, signal);
}

/** A layout with a disk, another one, and the pack of the disk. */
async function twoLayouts(world: DiskWorld) {
  const file = await world.write("disk", noise(300_000));
  await pushDisk({ file, reference: `oci:${world.path("from")}:1` }, world.machine());
  const [from, to] = [storeOf(world, "from"), storeOf(world, "to")];
  const { blobs } = (await from.resolve())!;
  const pack = blobs.at(-1)!;
  const names = async () =>
    (await Array.fromAsync(Deno.readDir(world.path("to/blobs/sha256")))).map(({ name }) => name);
  return { from, to, pack, names, path: from.layout.blobPath(pack.digest) };
}

Deno.test("two pushes that adopt one pack at a time leave the pack and nothing else", async () => {
  await using world = await DiskWorld.make();
  const { from, to, pack, names } = await twoLayouts(world);
  assertEquals(await Promise.all([to.adopt(pack, from), to.adopt(pack, from)]), [true, true]);
  assertEquals(await names(), [pack.digest.slice(7)]);
});

Deno.test("a pack that is damaged or gone is not adopted, and leaves nothing", async () => {
  await using world = await DiskWorld.make();
  const { from, to, pack, names, path } = await twoLayouts(world);
  const bytes = await Deno.readFile(path);
  await Deno.remove(path);
  const state = `Cannot read "${from.name}": the layout has no whole blob ${pack.digest}`;
  for (const there of [false, true]) {
    if (there) await Deno.writeFile(path, bytes.with(0, bytes[0]! ^ 1));
    await assertRejects(() => to.adopt(pack, from), VerificationError, state);
    assertEquals(await names(), []);
  }
});
