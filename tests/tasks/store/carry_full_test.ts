/** What a carry and an import say of a disk that has no room for one more file, wherever they come to that. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { NoRoomError } from "../../../lib/base/errors.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { exportStore, importStore } from "../../../tasks/store/copy_store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";
import { canMount, mountSmallDisk } from "../../support/small_disk.ts";

const onOwnDisk = [...carryPrograms, canMount ? "mount" : "the rights of root"];

realTest(
  "carryStore() and importStore() say of a full disk that it is full, wherever they come to that, and go on from there",
  onOwnDisk,
  async () => {
    await using room = await CarryRoom.make();
    const base = await room.image("2.8.0");
    await room.carry(base);
    const source = `file://${join(room.folder, "binary-cache")}`;
    const { paths } = await exportStore(
      { from: { folder: room.nix.path }, to: source },
      room.context,
    );
    const dir = join(room.folder, "small");
    await Deno.mkdir(dir);
    const files = 120;
    for (const kind of ["carry", "import"]) {
      await using disk = await mountSmallDisk(dir, 8 * 1024 * 1024, files);
      const nix = new NixFolder(join(disk.dir, "nix"));
      const to = { folder: nix.path };
      const bring = () =>
        kind === "carry"
          ? room.carry(base, { to })
          : importStore({ from: source, to, paths: [...paths] }, room.context);
      const filler = (i: number) => join(disk.dir, String(i));
      let left = files - 8;
      for (let i = 0; i < left; i++) await Deno.writeTextFile(filler(i), "");
      const failures: string[] = [];
      for (; left > 0; left--) {
        try {
          await bring();
          break;
        } catch (error) {
          const isTold = error instanceof NoRoomError && error.hint?.startsWith("make room");
          failures.push(isTold ? error.message : String(error));
        }
        await Deno.remove(filler(left - 1));
      }
      assertEquals(failures.length > 10, true, `${failures.length}`);
      assertEquals(
        [...new Set(failures)].sort(),
        [
          `Cannot change "${join(nix.databaseFolder, "db.sqlite")}": the disk is full`,
          `Cannot write to "${nix.path}": the disk is full`,
          `Cannot write to "${nix.path}": the disk takes no more files`,
        ],
      );
      while (left > 0) await Deno.remove(filler(--left));
      assertEquals((await bring()).changed, false);
      assertEquals((await validWithNix(nix.uri)).length, 3);
      await verifyWithNix(nix.uri);
    }
  },
);
