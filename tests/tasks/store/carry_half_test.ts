/** What carryStore() makes of paths that lie in the store, and are not whole or not valid. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  ExitCode,
  KedgeError,
  NotAllowedError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { lockFile } from "../../../lib/base/file_lock.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { layersOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";
import { canMount, mountSmallDisk } from "../../support/small_disk.ts";
import { removeTree } from "../../support/remove_tree.ts";

async function mkfifo(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assertEquals(success, true);
}

realTest(
  "carryStore() brings what is only half there, whatever lies in its place",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const store = await room.store("2.8.0");
    const base = await room.image("2.8.0", await layersOf(store));
    const [pipe, half, inner] = Object.values(store.paths) as [string, string, string];
    await Deno.mkdir(room.nix.pathOf(half), { recursive: true });
    await mkfifo(room.nix.pathOf(pipe));
    await Deno.mkdir(join(room.nix.pathOf(inner), "bin"), { recursive: true });
    await mkfifo(join(room.nix.pathOf(inner), "bin", "nix"));
    const planned = await room.carry(base, {}, { dryRun: true });
    assertEquals([planned.pathsMoved, (await room.carry(base)).pathsMoved], [3, 3]);
    await verifyWithNix(room.nix.uri);
    // What is valid is never touched, and nobody waits at it.
    await removeTree(room.nix.pathOf(pipe));
    await mkfifo(room.nix.pathOf(pipe));
    const error = await assertRejects(() => room.carry(base, { check: "full" }), VerificationError);
    assertStringIncludes(error.message, "it is neither file, folder nor symlink");
    assertStringIncludes(error.hint ?? "", `remove "${room.nix.pathOf(pipe)}"`);
  },
);

realTest(
  "carryStore() takes no path away from a Nix that is placing it",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const store = await room.store("2.8.0");
    const base = await room.image("2.8.0", await layersOf(store));
    const path = room.nix.pathOf(store.paths["libc"]!);
    await Deno.mkdir(path, { recursive: true });
    await Deno.writeTextFile(join(path, "begun"), "");
    {
      using _lock = await lockFile(`${path}.lock`);
      const error = await assertRejects(() => room.carry(base), KedgeError);
      assertEquals(error.message, `Cannot write "${path}": a Nix is about to write it too`);
      assertEquals(await folderNames(path), ["begun"]);
    }
    await room.carry(base);
    assertEquals((await validWithNix(room.nix.uri)).length, 3);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "carryStore() takes a database that a killed run only began for none, and an empty one that was more for damaged",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const store = await room.store("2.8.0");
    const base = await room.image("2.8.0", await layersOf(store));
    const path = join(room.nix.databaseFolder, "db.sqlite");
    await Deno.mkdir(room.nix.databaseFolder, { recursive: true });
    await Deno.writeTextFile(path, "");
    assertEquals((await room.carry(base, {}, { dryRun: true })).pathsMoved, 3);
    await room.carry(base);
    await verifyWithNix(room.nix.uri);
    assertEquals((await validWithNix(room.nix.uri)).length, 3);

    await Deno.truncate(path);
    const damaged = await assertRejects(
      () => room.carry(base),
      VerificationError,
      `Cannot read the Nix database "${path}": it has no table ValidPaths`,
    );
    assertEquals(
      damaged.hint,
      "carry the image into another volume or folder, or bring the database back, from a backup or by .recover of sqlite3",
    );

    await Deno.truncate(join(store.root, "nix/var/nix/db/db.sqlite"));
    await Deno.remove(join(store.root, "nix/var/nix/db/schema"));
    const empty = await room.image("2.8.1", await layersOf(store));
    const to = { folder: join(room.folder, "other") };
    const bad = await assertRejects(
      () => room.carry(empty, { to }),
      VerificationError,
      `Cannot read the Nix database "/nix/var/nix/db/db.sqlite" of "${empty.reference}": it is empty`,
    );
    assertEquals(bad.hint?.startsWith("name an image"), true);
  },
);

const onOwnDisk = [...carryPrograms, canMount ? "mount" : "the rights of root"];

realTest(
  "carryStore() says that nothing may be written on a read-only disk",
  onOwnDisk,
  async () => {
    await using room = await CarryRoom.make();
    const base = await room.image("2.8.0");
    const dir = join(room.folder, "small");
    await using disk = await mountSmallDisk(dir, 4 * 1024 * 1024);
    const nix = new NixFolder(join(disk.dir, "nix"));
    await Deno.mkdir(nix.path);
    const remount = { args: ["-o", "remount,ro", disk.dir] };
    assertEquals((await new Deno.Command("mount", remount).output()).success, true);
    const there = await assertRejects(
      () => room.carry(base, { to: { folder: nix.path } }),
      NotAllowedError,
      `Cannot write to "${nix.path}": Read-only file system`,
    );
    assertEquals(there.hint, "mount its file system for writing, or name another place");
    const none = join(disk.dir, "none");
    const refused = await assertRejects(
      () => room.carry(base, { to: { folder: none } }),
      NotAllowedError,
      `Cannot use the folder "${none}": this process may not make it`,
    );
    assertEquals(refused.exitCode, ExitCode.notAllowed);
  },
);
