/** What a container may leave in the folder that it had as `/nix`, for whoever writes there next. */
import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import { VerificationError } from "../../../lib/base/errors.ts";
import type { Digest } from "../../../lib/base/digest.ts";
import { CarriedImages } from "../../../lib/nix/folder/carried_images.ts";
import { foreseeWriting } from "../../../lib/nix/stores/foresee_writing.ts";
import { lockNixFolder } from "../../../lib/nix/folder/lock_nix_folder.ts";
import type { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { nixTables } from "../../../lib/nix/folder/nix_schema.ts";
import { planNixPrune } from "../../../lib/nix/folder/prune_nix_folder.ts";
import { putLinks, stateLinks } from "../../../lib/nix/folder/nix_links.ts";
import { StoreDatabase } from "../../../lib/nix/folder/store_database.ts";
import { inNixFolder, lockOptions } from "../../support/nix_folder.ts";

for (
  const below of ["store", "var", "var/kedge", "var/kedge/staging", "var/nix/db/db.sqlite"]
) {
  Deno.test(`lockNixFolder() writes nothing where ${below} is a link to elsewhere`, () =>
    inNixFolder(async (folder, other) => {
      const link = join(folder.path, below);
      await Deno.mkdir(dirname(link), { recursive: true });
      await Deno.symlink(other, link);
      await assertRejects(() => lockNixFolder(folder, lockOptions), VerificationError, "is a link");
      assertEquals(await Array.fromAsync(Deno.readDir(other)), []);
      await Deno.remove(link);
      using _lock = await lockNixFolder(folder, lockOptions);
    }));
}

for (
  const below of ["store", "var", "var/kedge/images", "var/nix", "var/nix/db", "var/nix/profiles"]
) {
  Deno.test(`lockNixFolder() says that ${below} is not a folder, as a dry run does`, () =>
    inNixFolder(async (folder) => {
      const path = join(folder.path, below);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(path, "file");
      const message = `Cannot write to "${folder.path}": "${path}" is not a folder`;
      const ahead = { folders: [], database: true };
      for (
        const look of [
          () => lockNixFolder(folder, lockOptions),
          () => foreseeWriting(folder, ahead),
          () => planNixPrune(folder, 0),
        ]
      ) assertEquals((await assertRejects(look, VerificationError)).message, message);
      await Deno.remove(path);
      using _lock = await lockNixFolder(folder, lockOptions);
    }));
}

for (const below of ["gcroots", "gcroots/kedge", "profiles"]) {
  Deno.test(`a prune looks for no ${below} behind a link`, () =>
    inNixFolder(async (folder, other) => {
      const link = join(folder.state, below);
      await Deno.mkdir(dirname(link), { recursive: true });
      await Deno.symlink(other, link);
      await assertRejects(() => planNixPrune(folder, 0), VerificationError, "is a link");
    }));
}

Deno.test({
  name:
    "a prune misses no link because another one goes meanwhile, and tells of what cannot be read",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inNixFolder(async (folder) => {
      const roots = join(folder.state, "gcroots");
      await Deno.mkdir(roots, { recursive: true });
      const kept = Array.from({ length: 300 }, (_, i) => `gcroots/${i}`).sort();
      for (const path of kept) await Deno.symlink("/nix/store", join(folder.state, path));
      // Nix makes a link under another name, and renames it.
      const script = "while :; do ln -s to new && mv new now; done";
      const nix = new Deno.Command("sh", { args: ["-c", script], cwd: roots }).spawn();
      try {
        for (let looks = 0; looks < 50; looks++) {
          const found = (await stateLinks(folder)).map(({ path }) => path);
          assertEquals(found.filter((path) => /\d$/.test(path)), kept);
        }
      } finally {
        nix.kill();
        await nix.status;
      }
      for (
        const [bad, says] of [
          ["ln -s \"$(printf '/nix/store/\\377')\" bad", "bad"],
          ["rm bad; ln -s /nix/store \"$(printf '\\377')\"", "\uFFFD"],
          ["rm \"$(printf '\\377')\"; mkdir \"$(printf '\\377')\"", "\uFFFD"],
        ] as const
      ) {
        await new Deno.Command("sh", { args: ["-c", bad], cwd: roots }).output();
        const message = `Cannot read "${join(roots, says)}": `;
        await assertRejects(() => planNixPrune(folder, 0), VerificationError, message);
      }
    }),
});

Deno.test("putLinks() makes no link outside of its folder, whatever was noted", () =>
  inNixFolder(async (folder, other) => {
    for (const path of ["../../../other/link", "profiles/../../x", "/etc/x", "profiles//x", "."]) {
      await assertRejects(
        () => putLinks(folder, [{ path, target: "/evil" }]),
        VerificationError,
        "leads out of it",
      );
    }
    assertEquals(await Array.fromAsync(Deno.readDir(other)), []);
    assertEquals(await putLinks(folder, [{ path: "profiles/default", target: "/x" }]), 1);
  }));

for (
  const table of [
    "create view ValidPaths as with recursive n(i) as (select 1 union all select i from n) select i as id from n",
    "create virtual table ValidPaths using fts5(path)",
  ]
) {
  Deno.test(`StoreDatabase reads nothing that runs: ${table.slice(0, 25)}`, () =>
    inNixFolder(async (_folder, other) => {
      {
        using database = new DatabaseSync(join(other, "db.sqlite"));
        database.exec(nixTables);
        database.exec(`drop table ValidPaths; ${table}`);
      }
      await assertRejects(
        () => StoreDatabase.read(other),
        VerificationError,
        "it has no table ValidPaths",
      );
    }));
}

const digest = `sha256:${"1".repeat(64)}` as Digest;
for (
  const [below, read] of [
    ["var/kedge/current", (folder) => new CarriedImages(folder).current()],
    [`var/kedge/images/${"1".repeat(64)}.json`, (folder) => new CarriedImages(folder).find(digest)],
    ["var/kedge/loose.json", (folder) => planNixPrune(folder, 0)],
    ["var/kedge/orphans.json", (folder) => planNixPrune(folder, 0)],
    ["var/kedge/built.json", (folder) => planNixPrune(folder, 0)],
    ["var/nix/db/schema", (folder) => StoreDatabase.change(folder)],
    ["var/nix/db/db.sqlite", (folder) => StoreDatabase.read(folder.databaseFolder)],
    ["var/nix/db/db.sqlite-wal", (folder) => StoreDatabase.change(folder)],
  ] as [string, (folder: NixFolder) => Promise<unknown>][]
) {
  Deno.test(`nothing is read from ${below} unless it is a plain file`, () =>
    inNixFolder(async (folder, other) => {
      const path = join(folder.path, below);
      await Deno.mkdir(dirname(path), { recursive: true });
      const elsewhere = join(other, "file");
      await Deno.writeTextFile(elsewhere, "10");
      for (
        const put of [
          () => Deno.symlink(elsewhere, path),
          () => Deno.mkdir(path),
          () => new Deno.Command("mkfifo", { args: [path] }).output(),
        ]
      ) {
        await put();
        await assertRejects(() => read(folder), VerificationError, "it is not a plain file");
        await Deno.remove(path);
      }
    }));
}

Deno.test("a note that is larger than any can be is not read", () =>
  inNixFolder(async (folder) => {
    await Deno.mkdir(folder.notes, { recursive: true });
    await Deno.writeTextFile(join(folder.notes, "current"), "");
    await Deno.truncate(join(folder.notes, "current"), 1e12);
    const error = "it has 1000000000000 bytes";
    await assertRejects(() => new CarriedImages(folder).current(), VerificationError, error);
  }));
