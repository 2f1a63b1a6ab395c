import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import { foreseeWriting } from "../../../../lib/nix/stores/foresee_writing.ts";
import { nixTables } from "../../../../lib/nix/folder/nix_schema.ts";
import { StoreDatabase } from "../../../../lib/nix/folder/store_database.ts";
import { inNixFolder } from "../../../support/nix_folder.ts";

/** The locks that processes hold on a file, as Linux tells. */
async function locksOn(path: string): Promise<string[]> {
  const inode = `:${(await Deno.stat(path)).ino} `;
  const lines = (await Deno.readTextFile("/proc/locks")).split("\n");
  return lines.filter((line) => line.includes(inode)).map((line) => line.replace(/^\d+: /, ""));
}

for (const how of ["read", "change"] as const) {
  Deno.test({
    name: `foreseeWriting() lets go of no lock on a database that is open to ${how} here`,
    ignore: Deno.build.os !== "linux",
    fn: () =>
      inNixFolder(async (folder) => {
        await Deno.mkdir(folder.databaseFolder, { recursive: true });
        const path = join(folder.databaseFolder, "db.sqlite");
        // Nix's own is in this mode, in which whoever has it open holds a lock; its log stands while somebody has it open.
        using nix = new DatabaseSync(path);
        nix.exec(`pragma journal_mode = wal; ${nixTables}`);
        using database = how === "read"
          ? (await StoreDatabase.read(folder.databaseFolder))!
          : await StoreDatabase.change(folder);
        assertEquals(database.rows().size, 0);
        const locks = await locksOn(path);
        assertNotEquals(locks, []);
        await foreseeWriting(folder, { folders: [], database: true });
        assertEquals(await locksOn(path), locks);
      }),
  });
}
