/** What carryStore() says of the database of an image that it cannot use. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { layersOf } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

const damages = [
  [
    (database: string) => Deno.truncate(join(database, "db.sqlite"), 5000),
    (name: string) =>
      `Cannot read the Nix database "/nix/var/nix/db/db.sqlite" of ${name}: database disk image is malformed`,
    3,
  ],
  [
    (database: string) => Deno.writeTextFile(join(database, "schema"), "seven"),
    (name: string) =>
      `Cannot read the Nix database "/nix/var/nix/db/schema" of ${name}: "seven" is not a number`,
    3,
  ],
  [
    (database: string) => Deno.writeTextFile(join(database, "schema"), "7"),
    (name: string) =>
      `Cannot use the database "/nix/var/nix/db" of ${name}: its schema is 7, of a Nix before 2.0`,
    1,
  ],
] as const;

realTest(
  "carryStore() names the image whose database it cannot use, and not where it was read",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    for (const [at, [damage, expected, exitCode]] of damages.entries()) {
      const version = `2.8.${at}`;
      const store = await room.store(version);
      await damage(join(store.root, "nix/var/nix/db"));
      const base = await room.image(version, await layersOf(store));
      const error = await assertRejects(() => room.carry(base), KedgeError);
      assertEquals(error.message, expected(`"${base.reference}"`));
      assertEquals([error.exitCode, error.hint?.startsWith("name an image")], [exitCode, true]);
    }
  },
);
