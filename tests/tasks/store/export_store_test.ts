/** Closures are exported, imported and kept, once each. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { IncompleteError } from "../../../lib/base/errors.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { removeTree } from "../../../lib/nix/folder/remove_tree.ts";
import { validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { treeOf } from "../../support/tree.ts";
import { endsTest } from "../../support/store_ends.ts";

endsTest(
  "a closure goes to a binary cache and from there to another folder, once each",
  async (ends) => {
    const out = await ends.export({ paths: [ends.of("shell")] });
    assertEquals([out.pathsMoved, out.paths.length], [2, 2]);
    const rest = await ends.export();
    assertEquals([rest.pathsMoved, rest.paths.length], [1, 3]);
    const idle = await ends.export();
    assertEquals([idle.changed, idle.bytesMoved], [false, 0]);
    assertStringIncludes(idle.why, "has all 3 paths");

    const planned = await ends.import({}, { dryRun: true });
    assertEquals((await treeOf(ends.second.path)).size, 0);
    const into = await ends.import();
    assertEquals({ ...planned, dryRun: false }, into);
    assertEquals(into.pathsMoved, 3);
    await verifyWithNix(ends.second.uri);
    assertEquals(await validWithNix(ends.second.uri), ends.paths);
    const again = await ends.import();
    assertEquals([again.changed, again.bytesMoved, again.paths], [false, 0, into.paths]);
    assertEquals(again.bytesReused, into.bytesMoved);
  },
);

endsTest("Nix's own garbage collector keeps what was imported", async (ends) => {
  await ends.export();
  await ends.import({ paths: [ends.of("shell")] });
  await new Deno.Command("nix-store", { args: ["--store", ends.second.uri, "--gc"] }).output();
  assertEquals((await validWithNix(ends.second.uri)).length, 2);
});

endsTest("importStore() makes a root of a path that is there already", async (ends) => {
  await ends.export();
  await ends.import({ paths: [ends.of("shell")] });
  const paths = [ends.of("libc")];
  const planned = await ends.import({ paths }, { dryRun: true });
  const rooted = await ends.import({ paths });
  assertEquals({ ...planned, dryRun: false }, rooted);
  assertEquals([rooted.changed, rooted.pathsMoved, rooted.paths], [true, 0, paths]);
  assertStringIncludes(rooted.why, "has all of it, and no root for it");
  assertEquals((await ends.import({ paths })).changed, false);
  const shell = ends.of("shell").slice("/nix/store/".length);
  await Deno.remove(join(ends.second.state, "gcroots", "kedge", "imported", shell));
  await new Deno.Command("nix-store", { args: ["--store", ends.second.uri, "--gc"] }).output();
  assertEquals(await validWithNix(ends.second.uri), paths);
});

endsTest("importStore() brings again what vanished", async (ends) => {
  await ends.export();
  await ends.import();
  for (const name of ["libc", "nix-2.8.0"]) {
    const path = ends.second.pathOf(ends.of(name).slice("/nix/store/".length));
    await removeTree(path);
  }
  const planned = await ends.import({}, { dryRun: true });
  const done = await ends.import();
  assertEquals({ ...planned, dryRun: false }, done);
  assertEquals([done.pathsMoved, done.paths.length], [2, 3]);
  await verifyWithNix(ends.second.uri);
  assertEquals(await validWithNix(ends.second.uri), ends.paths);
});

endsTest("exportStore() asks a Nix for more paths than one command line takes", async (ends) => {
  const { folder } = ends.room;
  const row = (at: number) => {
    const name = `${String(at).padStart(32, "0")}-${"n".repeat(205)}`;
    return [`/nix/store/${name}`, "0".repeat(64), "120", "", "0"].join("\n");
  };
  const rows = `${Array.from({ length: 8500 }, (_, at) => row(at)).join("\n")}\n`;
  for (const root of ["many", "host"]) {
    const child = new Deno.Command("nix-store", {
      args: ["--store", `local?root=${join(folder, root)}`, "--load-db"],
      stdin: "piped",
      stderr: "null",
    }).spawn();
    await new Blob([rows]).stream().pipeTo(child.stdin);
    assertEquals((await child.status).success, true);
  }
  const from = { folder: join(folder, "many", "nix") };
  const done = await ends.export({ from, to: `local?root=${join(folder, "host")}` });
  assertEquals([done.changed, done.paths.length], [false, 8500]);
});

endsTest("paths go to a store of this machine's Nix and come back", async (ends) => {
  const to = `local?root=${join(ends.room.folder, "host")}`;
  const out = await ends.export({ to, paths: [ends.of("shell")] });
  assertEquals([out.pathsMoved, out.paths.length], [2, 2]);
  await verifyWithNix(to);
  assertEquals((await ends.export({ to, paths: [ends.of("shell")] })).changed, false);
  const more = await ends.export({ to });
  assertEquals(more.pathsMoved, 1);
  const back = await ends.import({ from: to });
  assertEquals(back.pathsMoved, 3);
  await verifyWithNix(ends.second.uri);
  assertEquals((await ends.import({ from: to })).changed, false);
});

endsTest("names of folders may have what a URI is made of", async (ends) => {
  await ends.export();
  const odd = new NixFolder(join(ends.room.folder, "c++ & d%20e?#é", "nix"));
  await ends.import({ to: { folder: odd.path } });
  // Nix itself reads the names of stores.
  await verifyWithNix(odd.uri);
  const store = `local?root=${join(ends.room.folder, "c++%20%26")}`;
  const from = { folder: odd.path };
  assertEquals((await ends.export({ from, to: store })).pathsMoved, 3);
  assertEquals((await ends.import({ from: store })).pathsMoved, 3);
  await verifyWithNix(ends.second.uri);
});

endsTest("a single path goes where what it needs is", async (ends) => {
  await assertRejects(
    () => ends.export({ paths: [ends.of("shell")], closure: false }),
    IncompleteError,
  );
  const libc = await ends.export({ paths: [ends.of("libc")], closure: false });
  assertEquals([libc.pathsMoved, libc.paths.length], [1, 1]);
  await ends.export();
  const single = { paths: [ends.of("nix-2.8.0")], closure: false };
  const error = await assertRejects(() => ends.import(single), IncompleteError);
  assertStringIncludes(error.message, "which is not there");
  await ends.import({ paths: [ends.of("shell")] });
  assertEquals((await ends.import(single)).pathsMoved, 1);
  await verifyWithNix(ends.second.uri);
});
