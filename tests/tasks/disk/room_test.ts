/** Disks without room, and what earlier pulls left on them. */
import { assertEquals, assertRejects } from "@std/assert";
import { NoRoomError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { sha256 } from "../../../lib/base/digest.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { setDigest } from "../../../lib/chunk/digest_column.ts";
import { TableBuilder } from "../../../lib/chunk/table_builder.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { join, noise, rawIndex } from "../../support/disk.ts";
import { DiskWorld, putDisk } from "../../support/disk_world.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { first } from "../../support/disk_data.ts";
import { realTest } from "../../support/real.ts";

realTest(
  "pullDisk() in place finds out that there is no room for what moves before it writes anything",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    const second = join(first.subarray(4_000_000), noise(50_000, 9), first.subarray(0, 4_000_000));
    const file = await world.write("disk", second);
    await pushDisk({ file, reference, chunker: "cdc" }, world.machine());
    await using small = await mountSmallDisk(world.path("small"), 9_000_000);
    const out = await world.write("small/out", first);
    await assertRejects(
      () => pullDisk({ reference, file: out, inPlace: true }, world.machine()),
      NoRoomError,
      "are free",
    );
    await world.holds("small/out", first);
    const names = (await Array.fromAsync(Deno.readDir(small.dir))).map(({ name }) => name);
    assertEquals(names, ["out"]);
  },
);

realTest("pullDisk() in place finds out that there is no room for what a file has holes for", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  await using small = await mountSmallDisk(world.path("small"), 4_000_000);
  const out = await world.write("small/out", new Uint8Array());
  await Deno.truncate(out, first.length);
  await assertRejects(
    () => pullDisk({ reference, file: out, inPlace: true }, world.machine()),
    NoRoomError,
    "are free",
  );
  assertEquals((await Deno.stat(out)).blocks, 0);
  const names = (await Array.fromAsync(Deno.readDir(small.dir))).map(({ name }) => name);
  assertEquals(names, ["out"]);
});

for (const inPlace of [false, true]) {
  const where = inPlace ? "in place" : "beside";
  Deno.test(`pullDisk() ${where} clears away what an earlier pull left, also where the disk stands already`, async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
    const out = await world.write("out", first);
    const partial = `.out.${"0".repeat(64)}.kedge-partial`;
    const journal = ".out.kedge-journal";
    const saved = ".out.kedge-saved";
    const lefts = [journal, `${journal}.tmp-7-0123abcd`, saved, `${saved}.next`, partial];
    for (const left of lefts) {
      await world.write(left, noise(1000));
      await pullDisk({ reference, file: out, inPlace }, world.machine());
      await world.holds("out", first);
    }
  });
}

Deno.test("pullDisk() finds out that there is no room before it writes anything", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const block = noise(4 * 2 ** 20);
  const chunker = chunkerFor("fixed", 0, block.length);
  const builder = new TableBuilder(chunker);
  const column = new Uint8Array(32);
  setDigest(column, 0, sha256(block));
  for (let row = 0; row < 2 ** 20; row++) builder.chunk(column, 0, block.length);
  const index = rawIndex(builder.table());
  setDigest(index.packDigests, 0, sha256(block));
  await putDisk(new Layout(world.path("store")), "1", index, [block]);
  await assertRejects(
    () => pullDisk({ reference, file: world.path("out") }, world.machine()),
    NoRoomError,
    "only",
  );
  assertEquals(await world.names(), ["cache0", "store"]);
});
