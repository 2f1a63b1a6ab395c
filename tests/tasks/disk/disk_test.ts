/** Disks are pushed and pulled whole, and cost what changed. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { diffDisks, inspectDisk } from "../../../tasks/disk/inspect.ts";
import { edited, join, noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { first } from "../../support/disk_data.ts";

Deno.test("a pushed disk is pulled elsewhere, byte for byte, and sparse", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", first);
  const pushed = await pushDisk({ file, reference }, world.machine());
  assert(pushed.changed);
  const out = world.path("out");
  const pulled = await pullDisk({ reference, file: out }, world.machine());
  await world.holds("out", first);
  assertEquals(pulled.digest, pushed.digest);
  assertEquals(pulled.reference, pushed.reference);
  assertEquals(pulled.sizeBytes, first.length);
  assert((await Deno.stat(out)).blocks! * 512 < first.length - 500_000);
});

for (const chunker of ["fixed", "cdc"] as const) {
  Deno.test(`a ${chunker} push of the same bytes gives the same digest, and a second one moves nothing`, async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("disk", first);
    const options = { file, chunker };
    const one = await pushDisk(
      { ...options, reference: `oci:${world.path("a")}:1` },
      world.machine(),
    );
    const reference = `oci:${world.path("b")}:1`;
    const two = await pushDisk({ ...options, reference }, world.machine());
    assertEquals(one.digest, two.digest);
    const again = await pushDisk({ ...options, reference }, world.machine());
    assertEquals([again.changed, again.digest], [false, one.digest]);
  });
}

Deno.test("push and pull cost what changed", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const [here, there] = [world.machine(), world.machine()];
  const file = await world.write("disk", first);
  const options = { file, reference, chunker: "cdc" } as const;
  const full = await pushDisk(options, here);
  await pullDisk({ reference, file: world.path("out") }, there);

  const second = edited(first, 100, 5_000_000);
  await world.write("disk", second);
  const planned = await pushDisk(options, { ...here, dryRun: true });
  const push = await pushDisk(options, here);
  assert(push.bytesMoved < full.bytesMoved / 8, `${push.bytesMoved} of ${full.bytesMoved}`);
  assert(planned.bytesMoved >= push.bytesMoved);
  assertEquals(planned.requests, push.requests);
  assertEquals(planned.why, push.why);

  const foreseen = await pullDisk({ reference, file: world.path("out") }, {
    ...there,
    dryRun: true,
  });
  const pull = await pullDisk({ reference, file: world.path("out") }, there);
  await world.holds("out", second);
  assert(pull.bytesMoved < full.bytesMoved / 8, `${pull.bytesMoved} of ${full.bytesMoved}`);
  assertEquals({ ...foreseen, dryRun: false }, pull);
  assertStringIncludes(pull.why, "2 of ");

  const unchanged = await pullDisk({ reference, file: world.path("out") }, there);
  assertEquals([unchanged.changed, unchanged.bytesMoved], [false, 0]);
});

Deno.test("a byte inserted at the front moves one chunk of content", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const machine = world.machine();
  const file = await world.write("disk", first);
  await pushDisk({ file, reference, chunker: "cdc" }, machine);
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  const second = join(new Uint8Array([1]), first);
  await world.write("disk", second);
  await pushDisk({ file, reference }, machine);
  // A machine that never saw the first version cuts the file that stands there itself.
  const pull = await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", second);
  assert(pull.bytesMoved < 300_000, String(pull.bytesMoved));
});

Deno.test("inspectDisk() shows the waste that edits leave, and repack sheds it", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const here = world.machine();
  const file = await world.write("disk", first);
  const fresh = await pushDisk({ file, reference, chunker: "fixed" }, here);
  assertEquals((await inspectDisk({ reference }, here)).wasteBytes, 0);
  await world.write("disk", edited(first, 100, 200_000));
  const second = await pushDisk({ file, reference }, here);
  const shape = await inspectDisk({ reference }, here);
  assertEquals([shape.packs, shape.wasteBytes], [2, 131_072]);
  const diff = await diffDisks({ from: fresh.reference, to: second.reference }, here);
  assertEquals([diff.newChunks, diff.newBytes, diff.sameChunker], [2, 131_072, true]);

  await pushDisk({ file, reference, repack: true }, here);
  const packed = await inspectDisk({ reference }, here);
  assertEquals([packed.packs, packed.wasteBytes], [1, 0]);
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", edited(first, 100, 200_000));
});

Deno.test("pushDisk() names packs of another disk, which is linked or copied into the layout", async () => {
  await using world = await DiskWorld.make();
  const base = `oci:${world.path("a")}:1`;
  const reference = `oci:${world.path("b")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference: base }, world.machine());
  const second = edited(first, 42);
  const file = await world.write("second", second);
  const push = await pushDisk({ file, reference, bases: [base] }, world.machine());
  assert(push.bytesMoved < 100_000, String(push.bytesMoved));
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", second);
});

Deno.test("an empty file, a single byte and a file of zeros go there and back", async () => {
  await using world = await DiskWorld.make();
  for (const data of [new Uint8Array(0), new Uint8Array([7]), new Uint8Array(3_000_000)]) {
    const reference = `oci:${world.path("store")}:n${data.length}`;
    const file = await world.write("disk", data);
    for (const chunker of ["fixed", "cdc"] as const) {
      await pushDisk({ file, reference, chunker, repack: true }, world.machine());
      await pullDisk({ reference, file: world.path("out") }, world.machine());
      await world.holds("out", data);
      await Deno.remove(world.path("out"));
    }
  }
});

Deno.test("pullDisk() writes what a link leads to, also where nothing is there yet, and keeps the link", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  await Deno.mkdir(world.path("volume"));
  await Deno.symlink("volume/far", world.path("near"));
  await Deno.symlink(world.path("near"), world.path("volume/link"));
  for (const inPlace of [false, true]) {
    await pullDisk({ reference, file: world.path("volume/link"), inPlace }, world.machine());
    await world.holds("volume/far", first);
    assert((await Deno.lstat(world.path("near"))).isSymlink);
    await Deno.writeFile(world.path("volume/far"), noise(5000));
  }
  await Deno.symlink("nowhere/far", world.path("lost"));
  await assertRejects(
    () => pullDisk({ reference, file: world.path("lost") }, world.machine()),
    UsageError,
    "is not there",
  );
});

Deno.test("a sparse file of 200 MiB with little data takes little room", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", noise(100_000));
  await Deno.truncate(file, 200 * 2 ** 20);
  await pushDisk({ file, reference }, world.machine());
  const pull = await pullDisk({ reference, file: world.path("out") }, world.machine());
  const { size, blocks } = await Deno.stat(world.path("out"));
  assertEquals([size, pull.sizeBytes], [200 * 2 ** 20, 200 * 2 ** 20]);
  assert(blocks! * 512 < 500_000, String(blocks));
});
