/**
 * Files that a disk is cut from: bases, what the cache knows of them, and those that changed since.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk, verifyDisk } from "../../../tasks/disk/disk.ts";
import { edited } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { first } from "../../support/disk_data.ts";

Deno.test("pushDisk() need not read a file that was pulled a moment ago, unless it was written since", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  const machine = world.machine();
  const out = world.path("out");
  await pullDisk({ reference, file: out }, machine);
  const push = () => pushDisk({ file: out, reference }, machine);
  assertStringIncludes((await push()).why, "was not read");
  {
    using file = await Deno.open(out, { write: true });
    await file.write(Uint8Array.of(first[0]! ^ 1));
  }
  assert((await push()).changed);
});

Deno.test("pullDisk() takes chunks from named bases and from files that the cache knows", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const here = world.machine();
  const file = await world.write("disk", first);
  await pushDisk({ file, reference }, here);
  const known = await pullDisk({ reference, file: world.path("out") }, here);
  await world.holds("out", first);
  assertEquals(known.bytesMoved, 0);

  const half = await world.write("half", first.subarray(0, 4_000_000));
  const other = await world.write("other", first.subarray(65_536 * 60));
  const pull = await pullDisk(
    { reference, file: world.path("third"), bases: [half, other] },
    world.machine(),
  );
  await world.holds("third", first);
  assert(pull.bytesMoved < 100_000, String(pull.bytesMoved));
});

Deno.test("pullDisk() notices a base that changed after it was cut", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const here = world.machine();
  const file = await world.write("disk", first);
  await pushDisk({ file, reference }, here);
  const { atime, mtime } = await Deno.stat(file);
  // Same size, inode and mtime, other bytes: what a file system that lies would show.
  using handle = await Deno.open(file, { write: true });
  await handle.write(new Uint8Array(1000));
  await Deno.utime(file, atime!, mtime!);
  await pullDisk({ reference, file: world.path("out") }, here);
  await world.holds("out", first);
});

Deno.test("pushDisk() reads a file again whose mtime was set back, and with paranoid always", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const here = world.machine();
  const file = await world.write("disk", first);
  const old = new Date(Date.now() - 60_000);
  await Deno.utime(file, old, old);
  await pushDisk({ file, reference }, here);
  await Deno.writeFile(file, edited(first, 9));
  await Deno.utime(file, old, old);
  const push = await pushDisk({ file, reference }, here);
  assert(push.changed);
  const paranoid = await pushDisk({ file, reference, paranoid: true }, here);
  assertEquals(paranoid.changed, false);
  assert(!paranoid.why.includes("was not read"));
});

Deno.test("verifyDisk() tells what is wrong, and repair fetches that alone", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", first);
  await pushDisk({ file, reference, chunker: "fixed" }, world.machine());
  const good = await verifyDisk({ reference, file }, world.machine());
  assertEquals([good.changed, good.sizeBytes], [false, first.length]);

  const out = await world.write("out", edited(first, 70_000, 3_500_000));
  const error = await assertRejects(
    () => verifyDisk({ reference, file: out }, world.machine()),
    VerificationError,
    "2 of its parts",
  );
  assertEquals((error.data["wrong"] as unknown[])[0], {
    offset: 65_536,
    length: 65_536,
  });
  const repaired = await verifyDisk({ reference, file: out, repair: true }, world.machine());
  await world.holds("out", first);
  assert(repaired.bytesMoved < 100_000, String(repaired.bytesMoved));
  await assertRejects(
    () => verifyDisk({ reference, file: world.path("none") }, world.machine()),
    UsageError,
  );
});
