import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import fc from "fast-check";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { treeDigest } from "../../../lib/cache/tree_digest.ts";
import type { ArchiveMember } from "../../../lib/cache/write_tree.ts";
import { inFolder } from "../../support/in_folder.ts";
import { treeOf } from "../../support/tree.ts";

function withCache(run: (cache: Cache, folder: string) => Promise<void>): Promise<void> {
  return inFolder((folder) => run(new Cache(join(folder, "cache")), folder));
}

interface Written {
  path: string;
  type?: ArchiveMember["type"];
  text?: string;
}

async function* members(...list: readonly Written[]): AsyncGenerator<ArchiveMember> {
  for (const { path, type = "file", text = "" } of list) {
    yield { path, type, body: new Blob([text]).stream() };
  }
}

const small: readonly Written[] = [{ path: "d/a", text: "one" }, { path: "b", text: "two" }];

Deno.test("treeDigest() is the sha256 of a listing that is written down", () => {
  const one = sha256("one");
  const listing = `kedge tree 1\n["file","b",3,"${sha256("two")}"]\n["folder","d"]\n` +
    `["file","d/a",3,"${one}"]\n`;
  assertEquals(
    treeDigest([
      { type: "file", path: "d/a", size: 3, digest: one },
      { type: "folder", path: "d" },
      { type: "file", path: "b", size: 3, digest: sha256("two") },
    ]),
    sha256(listing),
  );
});

Deno.test("ArchiveStore.persist() unpacks a tree, read-only and not to be run, under its digest", () =>
  withCache(async (cache) => {
    const archive = await cache.archives.persist(members(...small));
    assertEquals(archive.path, cache.archives.path(archive.digest));
    assertEquals(
      await treeOf(archive.path),
      new Map([["/", ""], ["b", "two"], ["d/", ""], ["d/a", "one"]]),
    );
    assertEquals((await Deno.stat(join(archive.path, "d", "a"))).mode! & 0o777, 0o444);
    assertEquals(archive.size, 6);
    assertEquals(await cache.archives.find(archive.digest), archive);
    assertEquals(await Array.fromAsync(cache.archives.list()), [archive]);
    assertEquals(await treeOf(join(cache.dir, "tmp-v1")), new Map([["/", ""]]));
  }));

Deno.test("ArchiveStore.persist() keeps the same tree once, in whatever order and with whatever folders it is named", () =>
  withCache(async (cache) => {
    const first = await cache.archives.persist(members(...small));
    const again = members({ path: "d", type: "directory" }, ...small.toReversed());
    assertEquals(await cache.archives.persist(again), first);
    assertEquals((await Array.fromAsync(cache.archives.list())).length, 1);
    const other = await cache.archives.persist(members(...small, { path: "e", type: "directory" }));
    assert(other.digest !== first.digest);
  }));

Deno.test("ArchiveStore.persist() refuses a tree of another digest than expected and keeps nothing", () =>
  withCache(async (cache) => {
    await assertRejects(
      () => cache.archives.persist(members(...small), { digest: sha256("other") }),
      VerificationError,
    );
    assertEquals(await Array.fromAsync(cache.archives.list()), []);
    assertEquals(await treeOf(join(cache.dir, "tmp-v1")), new Map([["/", ""]]));
  }));

for (
  const [what, list] of [
    ["a name that goes up", [{ path: "../escaped" }]],
    ["a name that goes up later", [{ path: "a/../../escaped" }]],
    ["an absolute name", [{ path: "/tmp/escaped" }]],
    ["an empty name", [{ path: "" }]],
    ["the folder itself", [{ path: "." }]],
    ["a name with an empty part", [{ path: "a//b" }]],
    ["a name of Windows that goes up", [{ path: "..\\escaped" }]],
    ["a name with a NUL", [{ path: "a\0b" }]],
    ["a folder that goes up", [{ path: "..", type: "directory" }]],
    ["a symbolic link", [{ path: "out", type: "symlink" }]],
    ["a hard link", [{ path: "out", type: "link" }]],
    ["a file twice", [{ path: "a" }, { path: "a" }]],
    ["a file within a file", [{ path: "a" }, { path: "a/b" }]],
    ["a folder in the place of a file", [{ path: "a" }, { path: "a", type: "directory" }]],
    ["a file in the place of a folder", [{ path: "a/b" }, { path: "a" }]],
  ] as readonly [string, readonly Written[]][]
) {
  Deno.test(`ArchiveStore.persist() refuses ${what} and keeps nothing`, () =>
    withCache(async (cache, folder) => {
      await assertRejects(
        () => cache.archives.persist(members({ path: "fine", text: "x" }, ...list)),
        VerificationError,
        "Cannot unpack the archive",
      );
      const left = [...(await treeOf(folder)).keys()].filter((path) => !path.endsWith("/"));
      assertEquals(left, ["cache/.gitignore", "cache/CACHEDIR.TAG", "cache/README.md"]);
    }));
}

Deno.test("ArchiveStore.persist() of any members writes what they say within its folder, or nothing", async () => {
  const name = fc.constantFrom("a", "b", "..", ".", "", "~", "c\\d", "é", "x y");
  const member = fc.record({
    path: fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/")),
    type: fc.constantFrom<ArchiveMember["type"]>("file", "file", "directory", "symlink"),
    text: fc.string(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(member, { maxLength: 5 }),
      (list) =>
        withCache(async (cache, folder) => {
          let archive;
          try {
            archive = await cache.archives.persist(members(...list));
          } catch (error) {
            if (!(error instanceof VerificationError)) throw error;
          }
          assertEquals((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), [
            "cache",
          ]);
          if (archive === undefined) return;
          for (const { path, type, text } of list) {
            if (type !== "file") continue;
            assertEquals(await Deno.readTextFile(join(archive.path, path)), text.toWellFormed());
          }
          assertEquals(await cache.archives.findSound(archive.digest, undefined), archive);
        }),
    ),
    { numRuns: 60 },
  );
});

Deno.test("ArchiveStore.findSound() believes an unchanged stamp, and reads what has another", () =>
  withCache(async (cache) => {
    const { digest, path, stamp } = await cache.archives.persist(members(...small));
    assertEquals((await cache.archives.findSound(digest, stamp))?.path, path);
    await Deno.utime(join(path, "b"), new Date(0), new Date(0));
    const touched = await cache.archives.findSound(digest, stamp);
    assert(touched !== undefined && touched.stamp !== stamp);
  }));

for (
  const [what, damage] of [
    ["a changed file", async (path: string) => {
      await Deno.chmod(join(path, "b"), 0o644);
      await Deno.writeTextFile(join(path, "b"), "TWO");
      // A change within the same millisecond has no other date.
      await Deno.utime(join(path, "b"), new Date(0), new Date(0));
    }],
    ["a missing file", (path: string) => Deno.remove(join(path, "b"))],
    ["a file too many", (path: string) => Deno.writeTextFile(join(path, "c"), "")],
    ["a folder too many", (path: string) => Deno.mkdir(join(path, "c"))],
    ["a link in the place of a file", async (path: string) => {
      await Deno.rename(join(path, "b"), `${path}.moved`);
      await Deno.symlink(`${path}.moved`, join(path, "b"));
    }],
  ] as const
) {
  Deno.test(`ArchiveStore.findSound() moves an archive with ${what} away, and it can be unpacked anew`, () =>
    withCache(async (cache) => {
      const { digest, path, stamp } = await cache.archives.persist(members(...small));
      await damage(path);
      assertEquals(await cache.archives.findSound(digest, stamp), undefined);
      assertEquals(
        (await Array.fromAsync(Deno.readDir(join(cache.dir, "quarantine-v1")))).length,
        1,
      );
      const again = await cache.archives.persist(members(...small));
      assertEquals([again.digest, await Deno.readTextFile(join(path, "b"))], [digest, "two"]);
    }));
}

Deno.test("ArchiveStore.persist() puts a sound tree in the place of a damaged one", () =>
  withCache(async (cache) => {
    const { digest, path } = await cache.archives.persist(members(...small));
    await Deno.remove(join(path, "b"));
    assertEquals((await cache.archives.persist(members(...small))).digest, digest);
    assertEquals(await Deno.readTextFile(join(path, "b")), "two");
  }));

Deno.test("ArchiveStore.find() looks into a read-only layer below, and never moves anything away there", () =>
  withCache(async (lower) => {
    const { digest, path } = await lower.archives.persist(members(...small));
    await withCache(async (upper) => {
      const cache = new Cache(upper.dir, { lower: lower.dir });
      assertEquals((await cache.archives.findSound(digest, undefined))?.path, path);
      await Deno.remove(join(path, "b"));
      assertEquals(await cache.archives.findSound(digest, undefined), undefined);
      await Deno.stat(path);
    });
  }));
