/** What becomes of a carried store of which this user may not read, or change, all: what is asked ends in words that say so. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { verifyWithNix } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

const programs = [...carryPrograms, "bound"];

/** What may not be done, and what is done all the same. */
interface Denied {
  name: string;
  denied: string;
  mode: number;
  args: (room: CarryRoom) => string[];
  /** How the error begins, where it is about one file. */
  error?: string;
}

for (
  const { name, denied, mode, args, error } of [
    {
      name: "base-image:prune that may not read what a build has in use",
      denied: "var/nix/temproots/77",
      mode: 0,
      args: () => ["base-image:prune", "--keep=0"],
    },
    {
      name: "a dry run of base-image:prune that may not look for roots",
      denied: "var/nix/gcroots",
      mode: 0,
      args: () => ["base-image:prune", "--keep=0", "--dry-run"],
    },
    {
      name: "base-image:carry that may not look into the store",
      denied: "store",
      mode: 0,
      args: ({ repository }) => [
        ...["base-image:carry", "--nix-version=2.8.2", `--repository=${repository}`],
      ],
    },
    {
      name: "base-image:carry that may not write to the store",
      denied: "store",
      mode: 0o555,
      args: ({ repository }) => [
        ...["base-image:carry", "--nix-version=2.8.2", `--repository=${repository}`],
      ],
    },
    {
      name: "base-image:export that may not look for the database",
      denied: "var/nix/db",
      mode: 0,
      args: ({ folder }) => ["base-image:export", `--to=file://${folder}/binary-cache`],
    },
    {
      name: "base-image:export that may not read the database",
      denied: "var/nix/db/db.sqlite",
      mode: 0,
      args: ({ folder }) => ["base-image:export", `--to=file://${folder}/binary-cache`],
      error: "Cannot read the Nix database",
    },
    {
      name: "base-image:prune that may not write the database",
      denied: "var/nix/db/db.sqlite",
      mode: 0o444,
      args: () => ["base-image:prune", "--keep=0"],
      error: "Cannot change the Nix database",
    },
    {
      name: "base-image:prune that may put nothing beside the database",
      denied: "var/nix/db",
      mode: 0o555,
      args: () => ["base-image:prune", "--keep=0"],
      error: "Cannot change the Nix database",
    },
  ] as Denied[]
) {
  realTest(`${name} says so, and changes nothing`, programs, async () => {
    await using room = await CarryRoom.make();
    for (const version of ["2.8.0", "2.8.1"]) await room.carry(await room.image(version));
    await room.image("2.8.2");
    await Deno.writeTextFile(join(room.nix.state, "temproots", "77"), "");
    const path = join(room.nix.path, denied);
    const { mode: before } = await Deno.stat(path);
    await Deno.chmod(path, mode);
    const cacheDir = join(room.folder, "cache");
    const whole = [...args(room), `--folder=${room.nix.path}`, "--quiet"];
    const { code, stderr } = await runKedge(whole, { cacheDir, bound: true });
    await Deno.chmod(path, before! & 0o777);
    assertEquals(code, 5, stderr);
    assertStringIncludes(
      stderr,
      error === undefined
        ? `error: Cannot use the folder "${room.nix.path}": this user may not read or write all of it\n`
        : `error: ${error} "${room.nix.databaseFolder}/db.sqlite": `,
    );
    assertStringIncludes(stderr, "\nhint: run as the user who owns its files\n");
    await verifyWithNix(room.nix.uri);
    assertEquals((await runKedge(whole, { cacheDir, bound: true })).code, 0);
  });
}
