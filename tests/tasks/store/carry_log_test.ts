/** Images whose layers have the database and its log apart: what is carried is what a container would see. */
import { DatabaseSync } from "node:sqlite";
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { cutOff } from "../../support/cut_off.ts";
import { layersOf, tarOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";
import { tarball } from "../../support/tarball.ts";

const databaseFolder = "nix/var/nix/db";

/** The layers of a store, and what its database was before its last path was valid, and is with the log. */
async function takenApart(room: CarryRoom) {
  const store = await room.store("2.8.0");
  const paths = (await layersOf(store)).slice(0, -1);
  const folder = join(store.root, databaseFolder);
  const file = (name: string) => Deno.readFile(join(folder, name));
  using database = new DatabaseSync(join(folder, "db.sqlite"));
  database.exec("pragma journal_mode = wal; pragma wal_autocheckpoint = 0");
  database.exec(`
    create temp table Path as select * from ValidPaths where path like '%-nix-2.8.0';
    create temp table Needs as select * from Refs where referrer in (select id from Path);
    delete from ValidPaths where id in (select id from Path);
    pragma wal_checkpoint(truncate);
  `);
  const before = await file("db.sqlite");
  const state = await tarOf(store.root, ["nix/var/nix/profiles", "nix/var/nix/gcroots"]);
  database.exec("insert into ValidPaths select * from Path; insert into Refs select * from Needs");
  const log = await file("db.sqlite-wal");
  database.exec("pragma wal_checkpoint(truncate)");
  const after = await file("db.sqlite");
  database.exec("delete from ValidPaths where id in (select id from Path)");
  const removal = await file("db.sqlite-wal");
  return { layers: [...paths, state], before, log, after, removal };
}

/** A layer with files of the database; what has no contents is hidden. */
function layer(files: Record<string, Uint8Array | "hidden">): Uint8Array<ArrayBuffer> {
  return tarball(
    Object.entries(files).map(([name, content]) =>
      content === "hidden"
        ? { name: `${databaseFolder}/.wh.${name}` }
        : { name: `${databaseFolder}/${name}`, content }
    ),
  );
}

type Parts = Awaited<ReturnType<typeof takenApart>>;

for (
  const { name, upper, count } of [
    {
      name: "a log in a layer above the database",
      upper: ({ before, log }: Parts) => [
        layer({ "db.sqlite": before }),
        layer({ "db.sqlite-wal": log }),
      ],
      count: 3,
    },
    {
      name: "a log above one that it replaces",
      upper: ({ before, log }: Parts) => [
        layer({ "db.sqlite": before, "db.sqlite-wal": new Uint8Array() }),
        layer({ "db.sqlite-wal": log }),
      ],
      count: 3,
    },
    {
      name: "a log that is hidden",
      upper: ({ before, log }: Parts) => [
        layer({ "db.sqlite": before, "db.sqlite-wal": log }),
        layer({ "db.sqlite-wal": "hidden" }),
      ],
      count: 2,
    },
    {
      name: "a log that is hidden where the database came to be whole",
      upper: ({ before, log, after }: Parts) => [
        layer({ "db.sqlite": before, "db.sqlite-wal": log }),
        layer({ "db.sqlite": after, "db.sqlite-wal": "hidden" }),
      ],
      count: 3,
    },
  ]
) {
  realTest(`carryStore() carries the store of an image with ${name}`, carryPrograms, async () => {
    await using room = await CarryRoom.make();
    const parts = await takenApart(room);
    const base = await room.image("2.8.0", [...parts.layers, ...upper(parts)]);
    // The second time it is known what the layers hold.
    for (const at of ["first", "second"]) {
      const to = { folder: join(room.folder, at) };
      const planned = await room.carry(base, { to }, { dryRun: true });
      const carried = await room.carry(base, { to });
      assertEquals([planned.paths, planned.requests], [carried.paths, carried.requests]);
      assertEquals(carried.paths, count);
      const { uri } = new NixFolder(to.folder);
      await verifyWithNix(uri);
      assertEquals((await validWithNix(uri)).length, count);
    }
  });
}

realTest(
  "carryStore() carries the store of an image with a link in the place of the database below it",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { layers, after } = await takenApart(room);
    const name = `${databaseFolder}/db.sqlite`;
    const links = tarball([{ name, flag: "2", linkName: "../elsewhere" }]);
    const base = await room.image("2.8.0", [links, ...layers, layer({ "db.sqlite": after })]);
    for (const at of ["first", "second"]) {
      const to = { folder: join(room.folder, at) };
      assertEquals((await room.carry(base, { to })).paths, 3);
      await verifyWithNix(new NixFolder(to.folder).uri);
    }
  },
);

for (const where of ["beside", "above", "below"] as const) {
  realTest(
    `carryStore() takes back a change that was cut off, whose journal is in the layer ${where}`,
    carryPrograms,
    async () => {
      await using room = await CarryRoom.make();
      const store = await room.store("2.8.0");
      const paths = (await layersOf(store)).slice(0, -1);
      const state = await tarOf(store.root, ["nix/var/nix/profiles", "nix/var/nix/gcroots"]);
      const path = join(store.root, databaseFolder, "db.sqlite");
      await cutOff(path);
      const database = { "db.sqlite": await Deno.readFile(path) };
      const journal = { "db.sqlite-journal": await Deno.readFile(`${path}-journal`) };
      const upper = where === "beside"
        ? [layer({ ...database, ...journal })]
        : where === "above"
        ? [layer(database), layer(journal)]
        : [layer(journal), layer(database)];
      const base = await room.image("2.8.0", [...paths, state, ...upper]);
      for (const at of ["first", "second"]) {
        const to = { folder: join(room.folder, at) };
        assertEquals((await room.carry(base, { to })).paths, 3);
        await verifyWithNix(new NixFolder(to.folder).uri);
      }
    },
  );
}

realTest(
  "carryStore() takes no database alone of which it finds the log in a layer below",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { layers, before, log } = await takenApart(room);
    const apart = [layer({ "db.sqlite-wal": log }), layer({ "db.sqlite": before })];
    const base = await room.image("2.8.0", [...layers, ...apart]);
    const bytes = async (folder: string) => {
      const to = { folder: join(room.folder, folder) };
      const { pathsMoved, paths, bytesMoved, bytesReused } = await room.carry(base, { to });
      const { uri } = new NixFolder(to.folder);
      await verifyWithNix(uri);
      assertEquals((await validWithNix(uri)).length, 3);
      assertEquals([paths, pathsMoved, bytesReused], [3, 3, 0]);
      return bytesMoved;
    };
    // The second time it is known what the layers hold.
    assertEquals(await bytes("first"), await bytes("second"));
  },
);

realTest(
  "carryStore() carries what the log in a layer below says is valid no more without it",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { layers, after, removal } = await takenApart(room);
    const apart = [layer({ "db.sqlite-wal": removal }), layer({ "db.sqlite": after })];
    const base = await room.image("2.8.0", [...layers, ...apart]);
    const { paths } = await room.carry(base);
    assertEquals(paths, 2);
    await verifyWithNix(room.nix.uri);
    assertEquals((await validWithNix(room.nix.uri)).length, 2);
  },
);
