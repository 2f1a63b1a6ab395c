/** What is told of a disk that fails under an open file or a database, of which the system names no path. */
import { assertEquals, assertThrows } from "@std/assert";
import { failingDiskHint } from "../../../../lib/base/failing_disk.ts";
import { KedgeError } from "../../../../lib/base/errors.ts";
import { withDatabase } from "../../../../lib/nix/folder/database_failure.ts";
import { Beneath } from "../../../../lib/nix/folder/beneath.ts";
import { StoreTree } from "../../../../lib/nix/folder/store_tree.ts";
import { inFolder } from "../../../support/in_folder.ts";

function failing(): never {
  throw Object.assign(new Error("Input/output error (os error 5)"), { code: "EIO" });
}

Deno.test("a store path names the file of which the disk takes no more", async () => {
  await inFolder((folder) => {
    using tree = new StoreTree(`${folder}/path`);
    tree.directory("");
    tree.file("file", false, 1);
    const { writeSync } = Deno.FsFile.prototype;
    Deno.FsFile.prototype.writeSync = failing;
    try {
      const message = `Input/output error (os error 5): '${folder}/path/file'`;
      assertEquals(assertThrows(() => tree.contents(new Uint8Array(1)), Error).message, message);
    } finally {
      Deno.FsFile.prototype.writeSync = writeSync;
    }
    return Promise.resolve();
  });
});

Deno.test("a name below a folder is told with what the disk refuses there", async () => {
  await inFolder((folder) => {
    using beneath = new Beneath(folder);
    const { message } = assertThrows(() => beneath.use("note", failing), Error);
    assertEquals(message, `Input/output error (os error 5): '${folder}/note'`);
    return Promise.resolve();
  });
});

Deno.test("a database on a disk that fails is told with what to do", () => {
  const error = assertThrows(() =>
    withDatabase("change", "/nix/db.sqlite", () => {
      throw Object.assign(new Error("disk I/O error"), { errcode: 10 });
    }), KedgeError);
  assertEquals([error.message, error.hint], [
    'Cannot change the Nix database "/nix/db.sqlite": disk I/O error',
    failingDiskHint,
  ]);
});
