import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { setDigest } from "../../../lib/chunk/digest_column.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { pullDisk } from "../../../tasks/disk/disk.ts";
import { rawIndex, runFrame, tableOf } from "../../support/disk.ts";
import { DiskWorld, putDisk } from "../../support/disk_world.ts";

const blockBytes = 65_536;
const disk = new Uint8Array(blockBytes).fill(7);

/** Puts a disk of one chunk, whose frame wants so large a window and does not say how many bytes it holds. */
async function putFrame(world: DiskWorld, windowLog: number): Promise<string> {
  const frame = runFrame(7, blockBytes, windowLog);
  const index = rawIndex(tableOf(disk, chunkerFor("fixed", 0, blockBytes)), 100);
  setDigest(index.packDigests, 0, sha256(frame));
  index.packSizes[0] = index.stored[0] = frame.length;
  await putDisk(new Layout(world.path("store")), "1", index, [frame]);
  return `oci:${world.path("store")}:1`;
}

Deno.test("pullDisk() takes a frame of another writer with the largest window of the format, and without a size", async () => {
  await using world = await DiskWorld.make();
  const reference = await putFrame(world, 27);
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", disk);
});

Deno.test("pullDisk() says of a frame that its window is too large, rather than that its chunk is wrong", async () => {
  await using world = await DiskWorld.make();
  const reference = await putFrame(world, 28);
  const error = await assertRejects(
    () => pullDisk({ reference, file: world.path("out") }, world.machine()),
    VerificationError,
    "the frame of chunk 0 at byte 0 has a window of more than 128 MiB",
  );
  assertEquals(error.side, "source");
  assertEquals(error.hint, "push the disk again with a smaller window, or with kedge");
});
