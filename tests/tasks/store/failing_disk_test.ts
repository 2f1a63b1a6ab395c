/** What a carry and an import say of a disk that fails while they write to it, and what they leave there. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { failingDiskHint } from "../../../lib/base/failing_disk.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { StoreDatabase } from "../../../lib/nix/folder/store_database.ts";
import { exportStore, importStore } from "../../../tasks/store/copy_store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { failingDiskPrograms, mountFailingDisk } from "../../support/failing_disk.ts";
import { layersOf } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { writeProgram } from "../../support/program_file.ts";
import { realTest } from "../../support/real.ts";
import { canMount } from "../../support/small_disk.ts";

realTest(
  "base-image:carry says of a disk that fails which one it is, and what to do",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    await room.image("2.8.0");
    const bin = join(room.folder, "bin");
    await Deno.mkdir(bin);
    const said = "Input/output error";
    await writeProgram(
      join(bin, "sync"),
      `#!/bin/sh\necho "sync: error syncing '$2': ${said}" >&2\nexit 1\n`,
    );
    const { nix } = room;
    const { code, stderr } = await runKedge([
      "base-image:carry",
      "--nix-version=2.8.0",
      `--repository=${room.repository}`,
      `--folder=${nix.path}`,
    ], {
      cacheDir: join(room.folder, "cache"),
      env: { PATH: `${bin}:${Deno.env.get("PATH")}` },
    });
    assertStringIncludes(
      stderr,
      `Cannot use the folder "${nix.path}": error syncing '${nix.path}': ${said}\nhint: ${failingDiskHint}\n`,
    );
    assertEquals(code, 1);
    assertEquals(await Array.fromAsync(Deno.readDir(nix.store)), []);
  },
);

realTest(
  "carryStore() and importStore() say that a disk lost what they wrote, and leave nothing there that a later run takes for whole",
  [...carryPrograms, ...failingDiskPrograms, canMount ? "mount" : "the rights of root"],
  async () => {
    await using room = await CarryRoom.make();
    const large = [{ name: "large", files: { text: "large ".repeat(1024 * 1024) } }];
    const base = await room.image("2.8.0", await layersOf(await room.store("2.8.0", large)));
    await room.carry(base);
    const source = `file://${join(room.folder, "binary-cache")}`;
    const { paths } = await exportStore(
      { from: { folder: room.nix.path }, to: source },
      room.context,
    );
    for (const kind of ["carry", "import"]) {
      await using disk = await mountFailingDisk(join(room.folder, kind));
      const nix = new NixFolder(join(disk.dir, "nix"));
      const to = { folder: nix.path };
      const { message } = await assertRejects(
        () =>
          kind === "carry"
            ? room.carry(base, { to })
            : importStore({ from: source, to, paths: [...paths] }, room.context),
        KedgeError,
      );
      // The system says either.
      assertMatch(message, /: the disk is full$|: error syncing '.*': Input\/output error$/);
      assertEquals(await Array.fromAsync(Deno.readDir(nix.store)), []);
      using database = await StoreDatabase.read(nix.databaseFolder);
      assertEquals(database?.rows().size ?? 0, 0);
    }
  },
);
