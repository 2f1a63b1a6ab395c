/** A prune where somebody else's file takes the last byte of the disk: it must note what goes before it deletes it. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { NoRoomError } from "../../../lib/base/errors.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { pruneStore } from "../../../tasks/store/store.ts";
import { validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { carryTest } from "../../support/carry_test.ts";
import { fillDisk, mountSmallDisk } from "../../support/small_disk.ts";

carryTest(
  "pruneStore() on a full disk asks for the little room that it needs, and frees the rest",
  async (room) => {
    const small = join(room.folder, "small");
    await using disk = await mountSmallDisk(small, 4 * 2 ** 20);
    const nix = new NixFolder(join(disk.dir, "nix"));
    const to = { folder: nix.path };
    for (const version of ["2.8.0", "2.8.1"]) await room.carry(await room.image(version), { to });
    const before = await validWithNix(nix.uri);
    const filler = join(disk.dir, "filler");
    await fillDisk(filler);
    const prune = () => pruneStore({ in: to, keep: 0 }, room.context);
    const refused = async () => {
      const { message, hint } = await assertRejects(prune, NoRoomError);
      assertEquals(message.endsWith(": the disk is full"), true, message);
      assertEquals(
        hint,
        "make a little room there, and run it again: what goes is noted before it is deleted",
      );
    };
    const { size } = await Deno.stat(filler);
    // A page more each time, so that it comes one step further.
    for (const pages of [0, 1, 2, 3, 4]) {
      await Deno.truncate(filler, size - pages * 4096);
      await refused();
    }
    await Deno.truncate(filler, size - 128 * 1024);
    const { paths } = await prune();
    assertEquals(paths, 1);
    assertEquals((await validWithNix(nix.uri)).length, before.length - 1);
    await verifyWithNix(nix.uri);
  },
  ["root", "mount"],
);
