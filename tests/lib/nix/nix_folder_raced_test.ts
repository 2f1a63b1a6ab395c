/** What a container may put into the folder that it has as `/nix` while kedge is at work there. */
import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { type Digest, sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { CarriedImages } from "../../../lib/nix/folder/carried_images.ts";
import { lockNixFolder } from "../../../lib/nix/folder/lock_nix_folder.ts";
import { LoosePaths } from "../../../lib/nix/folder/loose_paths.ts";
import { putLinks } from "../../../lib/nix/folder/nix_links.ts";
import { readPlainFile } from "../../../lib/nix/folder/plain_file.ts";
import { planNixPrune, pruneNixFolder } from "../../../lib/nix/folder/prune_nix_folder.ts";
import { StoreDatabase } from "../../../lib/nix/folder/store_database.ts";
import { storeDifference } from "../../../lib/nix/folder/store_difference.ts";
import { parseStorePath } from "../../../lib/nix/store_path.ts";
import { inNixFolder, lockOptions } from "../../support/nix_folder.ts";
import { removeTree } from "../../support/remove_tree.ts";

const digest = `sha256:${"1".repeat(64)}` as Digest;

/** Does something while something else comes to stand at a path right after each look at it. */
async function raced<T>(
  path: string,
  put: () => Promise<unknown>,
  run: () => Promise<T>,
): Promise<T> {
  const look = Deno.lstat;
  Deno.lstat = async (at) => {
    try {
      return await look(at);
    } finally {
      if (at === path) await put();
    }
  };
  try {
    return await run();
  } finally {
    Deno.lstat = look;
  }
}

async function readRaced(path: string, put: () => Promise<unknown>): Promise<string | undefined> {
  return await raced(path, put, () => readPlainFile(path, 100));
}

/** Puts a link in the place of what is there, once. */
function linkOnce(path: string, target: string): () => Promise<void> {
  let isPut = false;
  return async () => {
    if (isPut) return;
    isPut = true;
    await removeTree(path).catch(() => {});
    await Deno.symlink(target, path);
  };
}

for (const there of [false, true]) {
  Deno.test(`lockNixFolder() takes no lock where a link is put that leads to ${there ? "another" : "no"} file`, () =>
    inNixFolder(async (folder, other) => {
      const elsewhere = join(other, "file");
      if (there) await Deno.writeTextFile(elsewhere, "kept");
      await Deno.mkdir(folder.notes, { recursive: true });
      const put = linkOnce(folder.lock, elsewhere);
      await raced(folder.lock, put, () => assertRejects(() => lockNixFolder(folder, lockOptions)));
      assertEquals((await Array.fromAsync(Deno.readDir(other))).length, there ? 1 : 0);
      await Deno.remove(folder.lock);
      using _lock = await lockNixFolder(folder, lockOptions);
    }));
}

Deno.test("StoreDatabase changes no database to which a link is put", () =>
  inNixFolder(async (folder, other) => {
    const elsewhere = join(other, "db.sqlite");
    {
      using database = new DatabaseSync(elsewhere);
      database.exec("create table of_somebody_else (id integer)");
    }
    const before = await Deno.readFile(elsewhere);
    await Deno.mkdir(folder.databaseFolder, { recursive: true });
    const path = join(folder.databaseFolder, "db.sqlite");
    for (
      const [at, put, state] of [
        [path, linkOnce(path, elsewhere), "a link leads to"],
        [`${path}-wal`, linkOnce(folder.databaseFolder, other), "it is not a folder"],
      ] as const
    ) {
      await raced(
        at,
        put,
        () => assertRejects(() => StoreDatabase.change(folder), VerificationError, state),
      );
      assertEquals(await Deno.readFile(elsewhere), before);
      await Deno.remove(path === at ? path : folder.databaseFolder);
    }
  }));

Deno.test("StoreDatabase makes no file where a link is put that leads to none", () =>
  inNixFolder(async (folder, other) => {
    await Deno.mkdir(folder.databaseFolder, { recursive: true });
    const path = join(folder.databaseFolder, "db.sqlite");
    for (
      const [at, put, state] of [
        [path, linkOnce(path, join(other, "db.sqlite")), "a link leads to"],
        [path, linkOnce(folder.databaseFolder, other), "it is not a folder"],
      ] as const
    ) {
      await raced(
        at,
        put,
        () => assertRejects(() => StoreDatabase.change(folder), VerificationError, state),
      );
      assertEquals(await Array.fromAsync(Deno.readDir(other)), []);
      await Deno.remove(path).catch(() => Deno.remove(folder.databaseFolder));
      await Deno.mkdir(folder.databaseFolder, { recursive: true });
    }
  }));

Deno.test("notes and links are written nowhere else where a link is put in the place of a folder", () =>
  inNixFolder(async (folder, other) => {
    await Deno.mkdir(join(folder.notes, "images"), { recursive: true });
    await Deno.mkdir(folder.state, { recursive: true });
    for (
      const [path, write] of [
        [join(folder.notes, "images"), () =>
          new CarriedImages(folder).put({
            digest,
            nixVersion: "2.8.0",
            platform: "linux/amd64",
            paths: [],
            links: [],
            usedMs: 0,
          })],
        [folder.state, () => putLinks(folder, [{ path: "profiles/default", target: "/x" }])],
        [
          folder.notes,
          () => new LoosePaths(folder).add([{ baseName: `${"1".repeat(32)}-a`, narSize: 1 }]),
        ],
        [folder.notes, () => new CarriedImages(folder).point(digest)],
      ] as const
    ) {
      await linkOnce(path, other)();
      await assertRejects(
        write,
        VerificationError,
        `Cannot write below "${path}": it is not a folder`,
      );
      assertEquals(await Array.fromAsync(Deno.readDir(other)), []);
      await Deno.remove(path);
      await Deno.mkdir(path, { recursive: true });
    }
  }));

Deno.test("readPlainFile() reads no other file than the one that it found", () =>
  inNixFolder(async (folder, other) => {
    const path = join(folder.path, "note");
    const write = (text: string) => Deno.writeTextFile(path, text);
    await Deno.writeTextFile(join(other, "secret"), "secret");
    const swaps = [
      () => Deno.symlink(join(other, "secret"), path),
      () => new Deno.Command("mkfifo", { args: [path] }).output(),
    ];
    for (const put of swaps) {
      await write("note");
      const swap = async () => {
        await Deno.remove(path);
        await put();
      };
      await assertRejects(() => readRaced(path, swap), VerificationError, "it is not a plain file");
      await Deno.remove(path);
    }
    await write("note");
    assertEquals(await readRaced(path, () => write("note and more")), "note");
    let puts = 0;
    const anew = async () => {
      await Deno.writeTextFile(`${path}.new`, `note ${++puts}`);
      await Deno.rename(`${path}.new`, path);
    };
    await assertRejects(() => readRaced(path, anew), VerificationError, "stands there each time");
    puts = 0;
    const twice = async () => puts < 2 && await anew();
    assertEquals(await readRaced(path, twice), "note 2");
    assertEquals(await readRaced(path, () => Deno.remove(path)), undefined);
  }));

Deno.test("storeDifference() takes what is not valid, and goes while it is hashed, for missing", () =>
  inNixFolder(async (folder) => {
    const storePath = parseStorePath(`/nix/store/${"1".repeat(32)}-gone`);
    const path = folder.pathOf(storePath.baseName);
    await Deno.mkdir(path, { recursive: true });
    const row = {
      ...{ storePath, narHash: sha256("gone"), narSize: 1000, references: [], outputs: {} },
      ...{ registeredSeconds: 1, ultimate: false, signatures: [] },
    };
    function* wanted() {
      // A prune is at work there too.
      Deno.removeSync(path);
      yield row;
    }
    const { signal } = new AbortController();
    const { missing, left } = await storeDifference(wanted(), folder, signal);
    assertEquals([missing, left], [[row], []]);
  }));

Deno.test("pruneNixFolder() removes no roots behind a link that is put in the place of their folder", () =>
  inNixFolder(async (folder, other) => {
    const roots = join(folder.state, "gcroots", "kedge");
    const hex = "a".repeat(64);
    await Deno.mkdir(join(roots, hex), { recursive: true });
    await Deno.mkdir(join(other, hex));
    const plan = await planNixPrune(folder, 0);
    assertEquals(plan.begun, [hex]);
    await linkOnce(roots, other)();
    const prune = () => pruneNixFolder(folder, plan, () => {}, lockOptions.signal);
    await assertRejects(prune, VerificationError, `"${roots}": it is not a folder`);
    assertEquals(await folderNames(other), [hex]);
    await Deno.remove(roots);
    await prune();
  }));
