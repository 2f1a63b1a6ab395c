/** What a folder with an image's files may hold, and MountedStore does not follow. */
import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { carryImage } from "../../../lib/carry/bring_image.ts";
import { MountedStore } from "../../../lib/carry/mounted_store.ts";
import { StoreUnpacker } from "../../../lib/carry/store_unpacker.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import type { Digest } from "../../../lib/base/digest.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import type { StoreRow } from "../../../lib/nix/folder/store_row.ts";
import { StoreStage } from "../../../lib/nix/folder/store_stage.ts";
import { cutOff } from "../../support/cut_off.ts";
import { nixPaths } from "../../support/carry_room.ts";
import { inFolder } from "../../support/in_folder.ts";
import { type MadeStore, makeStore } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

const never = new AbortController().signal;
const step = { meter: silentMeter, signal: never, dryRun: false, record() {} };

interface Ground {
  dir: string;
  made: MadeStore;
  nix: NixFolder;
  source: MountedStore;
  carry(): ReturnType<typeof carryImage>;
}

/** A small store in a root file system, and an empty folder that it is carried to. */
function mountedTest(name: string, run: (ground: Ground) => Promise<void>): void {
  realTest(name, ["nix"], async () => {
    await inFolder(async (dir) => {
      const made = await makeStore(join(dir, "root"), nixPaths("2.8.0"));
      const nix = new NixFolder(join(dir, "nix"));
      const source = new MountedStore("podman:nix", made.root);
      const base = {
        manifestDigest: `sha256:${"0".repeat(64)}` as Digest,
        nixVersion: "2.8.0",
        platform: "linux/amd64",
      };
      const carry = async () => {
        const work = await Deno.makeTempDir({ dir });
        const survey = () => source.survey(work, never);
        const image = { ...await survey(), source, survey };
        return await carryImage({ base, image, folder: nix, usedMs: 0 }, step);
      };
      await run({ dir, made, nix, source, carry });
    });
  });
}

mountedTest("MountedStore gives the paths and the links of a root file system", async (ground) => {
  const { nix, made, carry, source } = ground;
  assertEquals(source.isThere(), true);
  const { note, pathsMoved, layerBytes } = await carry();
  assertEquals([pathsMoved, layerBytes], [3, 0]);
  assertEquals((await folderNames(nix.store)).sort(), Object.values(made.paths).sort());
  assertEquals(note.links.map(({ path }) => path), [
    "gcroots/profiles",
    "profiles/default",
    "profiles/default-1-link",
  ]);
});

mountedTest("MountedStore reads what lies in the log of the database", async ({ made, carry }) => {
  const database = join(made.root, "nix/var/nix/db/db.sqlite");
  // As a Nix leaves it that was killed: the last rows are in the log alone.
  const open = new DatabaseSync(database);
  open.exec("pragma journal_mode = wal; update ValidPaths set registrationTime = 77");
  const files = [database, `${database}-wal`];
  const kept = await Promise.all(files.map((path) => Deno.readFile(path)));
  open.close();
  for (const [at, path] of files.entries()) await Deno.writeFile(path, kept[at]!);
  const { rows } = await carry();
  assertEquals(rows.map(({ registeredSeconds }) => registeredSeconds), [77, 77, 77]);
});

mountedTest("MountedStore reads what was before a change that was cut off", async (ground) => {
  const { made, carry } = ground;
  await cutOff(join(made.root, "nix/var/nix/db/db.sqlite"));
  assertEquals((await carry()).pathsMoved, 3);
});

/** Moves a folder of the root away, and leaves a link to it: what would be read lies outside. */
async function leadOut({ dir, made }: Ground, path: string): Promise<void> {
  await Deno.rename(join(made.root, path), join(dir, "outside"));
  await Deno.symlink(join(dir, "outside"), join(made.root, path));
}

for (const path of ["nix", "nix/var", "nix/var/nix", "nix/var/nix/db"]) {
  mountedTest(`MountedStore follows no link at /${path}`, async (ground) => {
    await leadOut(ground, path);
    const { source, carry, made } = ground;
    const expected = `"${join(made.root, path)}" is not a folder`;
    assertStringIncludes(assertThrows(() => source.isThere(), VerificationError).message, expected);
    assertStringIncludes((await assertRejects(carry, VerificationError)).message, expected);
  });
}

mountedTest("MountedStore follows no link at /nix/store", async (ground) => {
  await leadOut(ground, "nix/store");
  const error = await assertRejects(ground.carry, VerificationError);
  assertStringIncludes(error.message, `"${join(ground.made.root, "nix/store")}" is not a folder`);
  assertEquals(await folderNames(ground.nix.store), []);
});

for (const path of ["nix/var/nix/profiles", "nix/var/nix/gcroots"]) {
  mountedTest(`MountedStore follows no link at /${path}`, async (ground) => {
    await leadOut(ground, path);
    const below = path.slice("nix/var/nix/".length);
    const { links } = (await ground.carry()).note;
    assertEquals([links.length > 0, links.some(({ path }) => path.startsWith(below))], [
      true,
      false,
    ]);
  });
}

for (const name of ["db.sqlite", "schema"]) {
  mountedTest(`MountedStore takes no link, pipe or huge file for ${name}`, async (ground) => {
    const { carry, dir, made } = ground;
    const path = join(made.root, "nix/var/nix/db", name);
    const refused = async () => {
      const error = await assertRejects(carry, VerificationError);
      assertStringIncludes(error.message, "it is not a file of its kind");
    };
    await leadOut(ground, `nix/var/nix/db/${name}`);
    await refused();
    await Deno.remove(path);
    await Deno.mkdir(path);
    await refused();
    await Deno.remove(path);
    await Deno.writeFile(path, new Uint8Array());
    await Deno.truncate(path, 2 ** 31);
    await refused();
    await Deno.remove(path);
    await new Deno.Command("mkfifo", { args: [path] }).output();
    await assertRejects(carry, KedgeError, "it is neither file, folder nor symlink");
    await Deno.remove(path);
    await Deno.rename(join(dir, "outside"), path);
    assertEquals((await carry()).pathsMoved, 3);
  });
}

mountedTest(
  "MountedStore says what is missing in the store, or is not a store path",
  async (ground) => {
    const { made, carry, nix, dir } = ground;
    const name = made.paths["libc"]!;
    const path = join(made.root, "nix/store", name);
    await leadOut(ground, `nix/store/${name}`);
    const expected = `Cannot use "/nix/store/${name}": its NAR has the hash`;
    const changed = await assertRejects(carry, VerificationError);
    assertStringIncludes(changed.message, expected);
    assertStringIncludes(changed.hint ?? "", 'the files of "podman:nix" are not those');
    assertEquals(changed.side, "source");
    await Deno.remove(path);
    const gone = await assertRejects(carry, VerificationError);
    assertStringIncludes(gone.message, "its source names it and does not hold it");
    await new Deno.Command("mkfifo", { args: [path] }).output();
    await assertRejects(carry, KedgeError, "it is neither file, folder nor symlink");
    assertEquals((await folderNames(nix.store)).includes(name), false);
    await Deno.remove(path);
    await Deno.rename(join(dir, "outside"), path);
    await carry();
  },
);

for (const gone of ["nix", "nix/var/nix/db/db.sqlite"]) {
  mountedTest(`MountedStore gives no links where /${gone} went meanwhile`, async (ground) => {
    const { made, carry, nix, source, dir } = ground;
    await carry();
    const { rows, database } = await source.survey(await Deno.makeTempDir({ dir }), never);
    await using stage = await StoreStage.make(nix, []);
    const unpack = async (paths: readonly StoreRow[]) => {
      const wanted = paths.map((row) => ({ ...row, baseName: row.storePath.baseName }));
      const taker = new StoreUnpacker(nix, stage, paths, { linksBytes: 0, onPlaced() {} });
      const options = {
        taker,
        database,
        folder: nix.path,
        work: stage.folder,
        wanted,
        linksBytes: 0,
      };
      return await source.unpack({ ...options, threads: 0, signal: never });
    };
    assertEquals((await unpack([])).links.length, 3);
    await Deno.rename(join(made.root, gone), join(dir, "gone"));
    for (const paths of [[], [...rows.values()]]) {
      const error = await assertRejects(() => unpack(paths), VerificationError);
      assertEquals(
        error.message,
        'Cannot use "podman:nix": its files changed while they were read',
      );
    }
  });
}

mountedTest("MountedStore is not there in an empty folder", async ({ dir }) => {
  const empty = join(dir, "empty");
  await Deno.mkdir(empty);
  const source = new MountedStore("podman:nix", empty);
  assertEquals(source.isThere(), false);
  const error = await assertRejects(() => source.survey(dir, never), VerificationError);
  assertStringIncludes(error.message, `the store of "podman:nix": the image has no Nix database`);
  assertEquals(new MountedStore("podman:nix", join(dir, "none")).isThere(), false);
});
