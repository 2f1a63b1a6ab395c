/** How disk:push chooses the chunker in a repository that holds other things too. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { pushDisk, type PushDiskResult } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { tarball } from "../../support/tarball.ts";

const mebibyte = 1024 * 1024;

interface Ground {
  world: DiskWorld;
  push(tag: string, data: Uint8Array, chunker?: "fixed" | "cdc"): Promise<PushDiskResult>;
}

function groundTest(name: string, run: (ground: Ground) => Promise<void>): void {
  Deno.test(name, async () => {
    await using world = await DiskWorld.make();
    const machine = world.machine();
    await run({
      world,
      async push(tag, data, chunker) {
        const file = await world.write(tag, data);
        const reference = `oci:${world.path("layout")}:${tag}`;
        return await pushDisk(
          { file, reference, ...(chunker === undefined ? {} : { chunker }) },
          machine,
        );
      },
    });
  });
}

groundTest(
  "disk:push cuts an archive by content where its repository holds a raw disk, and the disk's next version as the disk",
  async ({ push }) => {
    const disk = noise(3 * mebibyte, 1);
    const first = await push("disk-1", disk);
    assertEquals(first.chunker.kind, "fixed");
    const archive = tarball([{ name: "file", content: noise(2 * mebibyte, 2) }]);
    const packed = await push("initrd-1", archive);
    assertEquals(packed.chunker.kind, "cdc");
    assertStringIncludes(packed.why, "since it is a tar archive");

    disk[7] = disk[7]! ^ 1;
    const second = await push("disk-2", disk);
    assertEquals(second.chunker, first.chunker);
    assertEquals(second.bytesReused, 3 * mebibyte - first.chunker.avgBytes);
    const longer = tarball([
      { name: "new", content: "inserted" },
      { name: "file", content: noise(2 * mebibyte, 2) },
    ]);
    const next = await push("initrd-2", longer);
    assertEquals([next.chunker.kind, next.bytesReused > mebibyte], ["cdc", true]);
  },
);

groundTest(
  "disk:push keeps to the chunker of the tag that it moves, and of a disk beside it where nothing says what the file is",
  async ({ push }) => {
    const archive = tarball([{ name: "file", content: noise(mebibyte, 3) }]);
    assertEquals((await push("initrd", archive, "fixed")).chunker.kind, "fixed");
    const again = await push("initrd", archive);
    assertEquals([again.chunker.kind, again.changed], ["fixed", false]);
    const unknown = await push("unknown", noise(mebibyte + 5, 4));
    assertEquals(unknown.chunker.kind, "fixed");
    assertStringIncludes(unknown.why, "as the version before");
  },
);

groundTest(
  "disk:push goes on without a disk under another tag of which the manifest is damaged",
  async ({ push, world }) => {
    const disk = noise(mebibyte, 5);
    const { digest } = await push("disk-1", disk);
    await push("initrd", tarball([{ name: "file", content: noise(mebibyte, 6) }]));
    const manifest = world.path(`layout/blobs/sha256/${digest!.slice("sha256:".length)}`);
    await Deno.writeTextFile(manifest, (await Deno.readTextFile(manifest)).replace("s", "z"));
    const { changed } = await push("disk-2", disk.with(7, disk[7]! ^ 1));
    assertEquals(changed, true);
    const said = world.notes.filter((note) => note.includes("nothing of it is named again"));
    assertEquals(said.length, 1);
  },
);
