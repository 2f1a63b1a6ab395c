import { DatabaseSync } from "node:sqlite";
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { NixFolder } from "../../../lib/nix/nix_folder.ts";
import { StoreDatabase } from "../../../lib/nix/store_database.ts";

/** The part of the head that SQLite makes zeros at the end. */
const headBytes = 28;

/** Leaves what is there of a change where the process is killed after the last byte was written, and before SQLite ends its journal. */
async function cutOff(path: string): Promise<void> {
  const journal = `${path}-journal`;
  let head: Uint8Array;
  {
    using database = new DatabaseSync(path);
    database.exec("pragma synchronous = off; pragma journal_mode = persist; begin immediate");
    const name = `/nix/store/${"0".repeat(32)}-x`;
    database.exec(`
      insert into ValidPaths (path, hash, registrationTime, narSize)
      values ('${name}', 'sha256:${"0".repeat(64)}', 1, 1)
    `);
    head = (await Deno.readFile(journal)).subarray(0, headBytes);
    database.exec("commit");
  }
  using file = await Deno.open(journal, { write: true });
  await file.write(head);
}

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
    await Deno.remove(root, { recursive: true });
  }
});
