import { assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { exportStore, importStore } from "../../../tasks/store/copy_store.ts";
import { inFolder } from "../../support/in_folder.ts";
import { validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

/** Two derivations, one of which needs the other and a source; nothing of it is built. */
const expression = `let
  make = name: needs: derivation {
    inherit name needs; system = builtins.currentSystem; builder = "/bin/sh";
    args = [ "-c" "exit 3" ]; outputs = [ "out" "dev" ];
  };
in make "top" [ (make "inner" []) (builtins.toFile "notes" "some") ]
`;

async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout).trim();
}

/** What a store's database says of the outputs of its derivations. */
function outputsIn(nix: NixFolder): unknown[] {
  using database = new DatabaseSync(join(nix.databaseFolder, "db.sqlite"));
  return database.prepare(
    "select v.path as drv, d.id, d.path from DerivationOutputs d join ValidPaths v on d.drv = v.id order by 1, 2",
  ).all();
}

async function withDerivations(
  work: (host: string, drv: string, folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const file = join(folder, "top.nix");
    await Deno.writeTextFile(file, expression);
    const host = `local?root=${join(folder, "host")}`;
    await work(host, await run("nix-instantiate", "--store", host, file), folder);
  });
}

realTest(
  "derivations go from a Nix into a folder and back as they are, and nothing is built",
  ["nix"],
  async () => {
    await withDerivations(async (host, drv, folder) => {
      const context = { cache: new Cache(join(folder, "cache")) };
      const nix = new NixFolder(join(folder, "to", "nix"));
      const all = await validWithNix(host);
      assertEquals(all.length, 3);
      const to = { folder: nix.path };
      const came = await importStore({ from: host, to, paths: [drv] }, context);
      assertEquals(came.pathsMoved, 3);
      await verifyWithNix(nix.uri);
      assertEquals(await validWithNix(nix.uri), all);
      assertEquals(outputsIn(nix), outputsIn(new NixFolder(join(folder, "host", "nix"))));

      const back = `local?root=${join(folder, "back")}`;
      const planned = await exportStore({ from: to, to: back }, { ...context, dryRun: true });
      assertEquals(planned.pathsMoved, 3);
      const went = await exportStore({ from: to, to: back }, context);
      assertEquals({ ...planned, dryRun: false }, went);
      assertEquals(await validWithNix(back), all);
      assertEquals((await exportStore({ from: to, to: back }, context)).changed, false);

      // One of several is there.
      const other = `local?root=${join(folder, "other")}`;
      const inner = all.filter((path) => path !== drv);
      assertEquals(
        (await exportStore({ from: to, to: other, paths: inner }, context)).pathsMoved,
        2,
      );
      const single = { from: to, to: other, paths: [drv], closure: false };
      assertEquals((await exportStore(single, context)).pathsMoved, 1);
      assertEquals(await validWithNix(other), all);
      const alone = new NixFolder(join(folder, "alone", "nix"));
      const into = { from: host, to: { folder: alone.path } };
      await importStore({ ...into, paths: inner }, context);
      await importStore({ ...into, paths: [drv], closure: false }, context);
      assertEquals(await validWithNix(alone.uri), all);
    });
  },
);

realTest("a folder knows what a derivation builds that came from a cache", ["nix"], async () => {
  await withDerivations(async (_host, drv, folder) => {
    const context = { cache: new Cache(join(folder, "cache")) };
    const nix = new NixFolder(join(folder, "to", "nix"));
    const from = `file://${join(folder, "binary-cache")}`;
    const named = new NixFolder(join(folder, "host", "nix"));
    await exportStore({ from: { folder: named.path }, to: from }, context);
    await importStore({ from, to: { folder: nix.path }, paths: [drv] }, context);
    assertEquals(outputsIn(nix), outputsIn(named));
  });
});

realTest("importStore() says which derivation a Nix has not", ["nix"], async () => {
  await withDerivations(async (host, _drv, folder) => {
    const context = { cache: new Cache(join(folder, "cache")) };
    const none = "/nix/store/37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-none.drv";
    const to = { folder: join(folder, "to", "nix") };
    await assertRejects(
      () => importStore({ from: host, to, paths: [none] }, context),
      KedgeError,
      `Cannot copy "${none}": it is not in the Nix store`,
    );
  });
});
