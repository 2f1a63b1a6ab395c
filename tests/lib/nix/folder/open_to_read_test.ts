import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { NixFolder } from "../../../../lib/nix/folder/nix_folder.ts";
import { StoreDatabase } from "../../../../lib/nix/folder/store_database.ts";
import { cutOff } from "../../../support/cut_off.ts";
import { removeTree } from "../../../support/remove_tree.ts";

Deno.test("StoreDatabase.read() reads what was before a change that was cut off, and changes nothing", async () => {
  const root = await Deno.makeTempDir({ prefix: "kedge-read-" });
  try {
    const folder = new NixFolder(root);
    await Deno.mkdir(folder.databaseFolder, { recursive: true });
    const change = async () => (await StoreDatabase.change(folder))[Symbol.dispose]();
    await change();
    const path = join(folder.databaseFolder, "db.sqlite");
    await cutOff(path);
    const files = () => Promise.all(["", "-journal"].map((end) => Deno.readFile(path + end)));
    const before = await files();
    const rows = async () => {
      using database = await StoreDatabase.read(folder.databaseFolder);
      return database?.rows().size;
    };
    assertEquals(await rows(), 0);
    assertEquals(await files(), before);
    // Whoever changes it mends it.
    await change();
    assertEquals(await rows(), 0);
    assertEquals((await Array.fromAsync(Deno.readDir(folder.databaseFolder))).length, 2);
  } finally {
    await removeTree(root);
  }
});
