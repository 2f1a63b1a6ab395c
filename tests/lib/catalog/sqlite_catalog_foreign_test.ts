import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { UsageError } from "../../../lib/base/errors.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { inFolder } from "../../support/in_folder.ts";
import { treeOf } from "../../support/tree.ts";

const own = "CREATE TABLE pointers (name); CREATE TABLE history (name);";

for (
  const [what, schema] of [
    ["of the same number", "CREATE TABLE photos (name); PRAGMA user_version = 1"],
    ["of a higher number", "CREATE TABLE photos (name); PRAGMA user_version = 7"],
    ["without tables", "PRAGMA user_version = 3"],
    [
      "with tables of the same names",
      `CREATE TABLE entries (name, text); ${own} PRAGMA user_version = 1`,
    ],
  ]
) {
  Deno.test(`SqliteCatalog refuses a database of another program ${what}, and leaves it as it is`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "catalog.db");
      {
        using database = new DatabaseSync(path);
        database.exec(schema!);
      }
      const before = await treeOf(folder);
      await using catalog = new SqliteCatalog({ path });
      const draft = {
        ...{ name: "acme", version: "1", system: "x86_64-linux", storePaths: [] },
        ...{ closure: [], closureBytes: 1, proofs: [] },
      };
      const works = [() => catalog.list(), () => catalog.commit(draft, { idempotencyKey: "k" })];
      for (const work of works) {
        const error = await assertRejects<UsageError>(work, UsageError);
        assertEquals(error.message.split(": ").at(-1), "it is a database of another program");
        assertEquals(error.hint, "name another file; a publish makes it where it is not there");
      }
      assertEquals(await treeOf(folder), before);
    }));
}
