/** What becomes of a cache of which this user may not read, or change, all: it is used as far as it can be, and nothing unknown goes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { folderNames } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { DownloadEntry } from "../../../lib/cache/download_entry.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { type ProgramResult, runKedge } from "../../support/program.ts";
import { isThere } from "../../support/is_there.ts";

const canBind = Deno.build.os === "linux" && Deno.uid() === 0;

interface Kept {
  url: string;
  path: string;
  pointer: string;
  blob: string;
}

interface Ground {
  dir: string;
  origin: Origin;
  /** The bundle of which something may not be read. */
  mine: Kept;
  /** Another one. */
  other: Kept;
  run: (args: string[], env?: Record<string, string>) => Promise<ProgramResult>;
}

/** A cache with two bundles. */
function deniedTest(name: string, test: (ground: Ground) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !canBind,
    async fn() {
      const dir = await Deno.makeTempDir({ prefix: "kedge-denied-" });
      const cache = new Cache(join(dir, "cache"));
      await using origin = await originOfTwoFolders(cache);
      const run = (args: string[], env = {}) =>
        runKedge(args, { cacheDir: cache.dir, bound: true, env });
      const keep = async (path: string): Promise<Kept> => {
        const url = origin.url(path);
        // By a process that ends, so that nothing stays since it is in use.
        const { code, stdout, stderr } = await run(["kexec", "--url", url]);
        assertEquals(code, 0, stderr);
        const { entry } = new DownloadEntry(cache, buckets.kexec, url);
        const { digest } = (await entry.read())!.value;
        return { url, path: stdout.trim(), pointer: entry.path, blob: cache.blobs.path(digest) };
      };
      try {
        await test({
          dir: cache.dir,
          origin,
          mine: await keep("/mine.tar.gz"),
          other: await keep("/other.tar.gz"),
          run,
        });
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

/** An origin of two bundles whose pointers lie in two folders, which follow from its port. */
async function originOfTwoFolders(cache: Cache): Promise<Origin> {
  for (;;) {
    const origin = startOrigin({
      "/mine.tar.gz": { body: bundleBytes() },
      "/other.tar.gz": { body: bundleBytes({ version: "2" }) },
    });
    const [mine, other] = ["/mine.tar.gz", "/other.tar.gz"].map((path) =>
      dirname(new DownloadEntry(cache, buckets.kexec, origin.url(path)).entry.path)
    );
    if (mine !== other) return origin;
    await origin[Symbol.asyncDispose]();
  }
}

const denials: Record<string, (ground: Ground) => string> = {
  "a pointer": ({ mine }) => mine.pointer,
  "a folder of pointers": ({ mine }) => dirname(mine.pointer),
};

for (const [what, pathOf] of Object.entries(denials)) {
  deniedTest(
    `cache:ls, cache:why and cache:size go on though ${what} may not be read, and name it`,
    async (ground) => {
      const path = pathOf(ground);
      await Deno.chmod(path, 0);
      const listed = await ground.run(["cache:ls"]);
      assertEquals(listed.code, 0, listed.stderr);
      assertStringIncludes(listed.stdout, "/other.tar.gz");
      assertEquals(listed.stdout.includes("/mine.tar.gz"), false);
      assertStringIncludes(listed.stderr, path);
      const why = await ground.run(["cache:why", "other"]);
      assertEquals(why.code, 0, why.stderr);
      assertStringIncludes(why.stderr, path);
      const absent = await ground.run(["cache:why", "mine"]);
      assertEquals(absent.code, 1);
      assertStringIncludes(absent.stderr, path);
      const size = await ground.run(["cache:size"]);
      assertEquals(size.code, 0, size.stderr);
    },
  );

  deniedTest(
    `cache:prune and cache:clean NAME keep what ${what} may need that may not be read`,
    async (ground) => {
      const { mine, other, dir, run } = ground;
      const orphan = await new Cache(dir).blobs.persist(new Blob(["orphan"]).stream());
      const path = pathOf(ground);
      await Deno.chmod(path, 0);
      for (const args of [[], ["--max-size", "0"], ["--ci"], ["--dry-run"]]) {
        const pruned = await run(["cache:prune", ...args]);
        assertEquals(pruned.code, 0, pruned.stderr);
        assertStringIncludes(pruned.stderr, path);
      }
      for (const kept of [path, mine.path, mine.blob, orphan.path, other.path]) {
        assert(await isThere(kept), kept);
      }
      const cleaned = await run(["cache:clean", "other"]);
      assertEquals(cleaned.code, 0, cleaned.stderr);
      assertStringIncludes(cleaned.stderr, path);
      assert(await isThere(mine.blob));
      assertEquals(await isThere(other.pointer), false);
      await Deno.chmod(path, 0o755);
      await run(["cache:prune"]);
      assertEquals(
        [
          await isThere(mine.path),
          await isThere(orphan.path),
          await isThere(other.blob),
        ],
        [true, false, false],
      );
    },
  );
}

deniedTest(
  "cache:prune goes on though a folder of contents may not be read, and takes no entry for one without contents",
  async (ground) => {
    const { mine, origin, run } = ground;
    const path = dirname(mine.blob);
    await Deno.chmod(path, 0);
    for (const command of ["cache:ls", "cache:prune"]) {
      const { code, stderr } = await run([command]);
      assertEquals(code, 0, stderr);
      assertStringIncludes(stderr, path);
    }
    assert(await isThere(mine.pointer));
    await Deno.chmod(path, 0o755);
    const asked = origin.requests.length;
    assertEquals((await run(["kexec", "--url", mine.url])).code, 0);
    assertEquals(origin.requests.length, asked);
  },
);

deniedTest(
  "cache:prune goes on with what it may remove, and counts nothing else",
  async (ground) => {
    const { dir, run } = ground;
    const persist = (text: string) => new Cache(dir).blobs.persist(new Blob([text]).stream());
    const [first, second] = [await persist("orphan"), await persist("another")];
    await Deno.chmod(dirname(first.path), 0o555);
    const pruned = await run(["cache:prune"]);
    assertEquals(pruned.code, 0, pruned.stderr);
    assertStringIncludes(pruned.stderr, first.path);
    assertStringIncludes(pruned.stdout, "removed 1 file (7 B)");
    assertEquals([await isThere(first.path), await isThere(second.path)], [true, false]);
    await Deno.chmod(dirname(first.path), 0o755);
  },
);

deniedTest(
  "cache:prune takes nothing of an entry that it may not remove",
  async ({ mine, other, origin, run }) => {
    const path = dirname(mine.pointer);
    await Deno.chmod(path, 0o555);
    const pruned = await run(["cache:prune", "--max-size", "0"]);
    assertEquals(pruned.code, 0, pruned.stderr);
    assert(!await isThere(other.pointer));
    assert(!await isThere(other.blob));
    assertStringIncludes(pruned.stderr, mine.pointer);
    assert(await isThere(mine.pointer));
    const asked = origin.requests.length;
    const hit = await run(["kexec", "--url", mine.url]);
    assertEquals([hit.code, hit.stdout], [0, `${mine.path}\n`], hit.stderr);
    assertEquals(origin.requests.length, asked);
    await Deno.chmod(path, 0o755);
  },
);

deniedTest(
  "cache:clean says that leases may not be read, and goes on with force",
  async ({ dir, mine, run }) => {
    const { leases } = new Cache(dir);
    for (const path of [join(leases.dir, "0-0-0-00000000.lease"), leases.dir]) {
      await Deno.mkdir(path, { recursive: true });
    }
    await Deno.chmod(leases.dir, 0);
    const refused = await run(["cache:clean"]);
    assertEquals(refused.code, 1, refused.stderr);
    assertStringIncludes(refused.stderr, `error: Cannot empty the cache "${dir}": `);
    assertStringIncludes(refused.stderr, `'${leases.dir}'`);
    assertStringIncludes(refused.stderr, "hint: who uses it cannot be known");
    assert(await isThere(mine.blob));
    const forced = await run(["cache:clean", "--force"]);
    assertEquals(forced.code, 0, forced.stderr);
    assertEquals(await isThere(mine.blob), false);
  },
);

deniedTest(
  "cache:clean goes on with what it may remove, names what it may not, and does not call the cache empty",
  async ({ dir, mine, other, run }) => {
    // Nobody but its owner writes to the folder.
    await Deno.chown(mine.blob, 1, 1);
    await Deno.chown(dirname(mine.blob), 1, 1);
    await Deno.chmod(dirname(mine.blob), 0o700);
    const planned = await run(["cache:clean", "--dry-run"]);
    assertEquals(planned.code, 1, planned.stderr);
    assertStringIncludes(planned.stderr, "hint: run it as the user who owns them\n");
    await Deno.chmod(dirname(mine.blob), 0o755);
    const cleaned = await run(["cache:clean"]);
    assertEquals(cleaned.code, 1, cleaned.stderr);
    assertStringIncludes(cleaned.stderr, `'${mine.blob}'\n`);
    assertStringIncludes(cleaned.stderr, "1 of its files and folders may not be removed");
    assertStringIncludes(
      cleaned.stderr,
      "hint: run it as the user who owns them; all else is gone",
    );
    assertEquals(
      [await isThere(mine.blob), await isThere(mine.pointer), await isThere(other.blob)],
      [true, false, false],
    );
    await Deno.chown(dirname(mine.blob), 0, 0);
    assertEquals((await run(["cache:clean"])).code, 0);
    assertEquals(await isThere(join(dir, "blobs-v1")), false);
  },
);

deniedTest(
  "cache:clean NAME says that an entry may not be removed, keeps what it needs, and takes the others",
  async ({ mine, other, run }) => {
    await Deno.chown(dirname(mine.pointer), 1, 1);
    await Deno.chmod(dirname(mine.pointer), 0o755);
    for (const [names, isOtherThere] of [[[mine.url], true], [["kexec"], false]] as const) {
      const { code, stderr } = await run(["cache:clean", ...names]);
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, `'${mine.pointer}'\n`);
      assertStringIncludes(stderr, "error: Cannot remove what was named from the cache");
      assertStringIncludes(stderr, "hint: run it as the user who owns them\n");
      assertEquals(
        [await isThere(mine.pointer), await isThere(mine.path), await isThere(mine.blob)],
        [true, true, true],
      );
      assertEquals([await isThere(other.pointer), await isThere(other.blob)], [
        isOtherThere,
        isOtherThere,
      ]);
    }
    await Deno.chown(dirname(mine.pointer), 0, 0);
  },
);

deniedTest(
  "cache:prune and cache:clean of a cache that may not be written say so, and plan all the same",
  async ({ dir, mine, run }) => {
    await new Cache(dir).blobs.persist(new Blob(["orphan"]).stream());
    const chmod = (mode: string) => new Deno.Command("chmod", { args: ["-R", mode, dir] }).output();
    await chmod("a-w");
    for (const command of ["cache:prune", "cache:clean"]) {
      const { code, stderr } = await run([command]);
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, `error: Cannot write to the cache "${dir}": Permission denied`);
      assertStringIncludes(stderr, "hint: run it as the user who owns it");
      const planned = await run([command, "--dry-run"]);
      assertEquals(planned.code, 0, planned.stderr);
      assertStringIncludes(planned.stdout, "would remove");
    }
    await chmod("u+w");
    assert(await isThere(mine.blob));
  },
);

deniedTest(
  "cache:prune removes what nothing refers to though the folder of a named file may not be read",
  async ({ dir, mine, run }) => {
    const orphan = await new Cache(dir).blobs.persist(new Blob(["orphan"]).stream());
    const folder = dirname(mine.path);
    for (const mode of [0, 0o444]) {
      await Deno.chmod(folder, mode);
      const { code, stdout, stderr } = await run(["cache:prune", "--dry-run"]);
      await Deno.chmod(folder, 0o755);
      assertEquals(code, 0, stderr);
      assertStringIncludes(stdout, `blob ${orphan.digest}: nothing refers to it`);
    }
  },
);

deniedTest(
  "cache:prune keeps all contents while leases may not be read",
  async ({ dir, mine, run }) => {
    const cache = new Cache(dir);
    const orphan = await cache.blobs.persist(new Blob(["orphan"]).stream());
    await cache.leases.take(orphan.digest);
    const [name] = await folderNames(cache.leases.dir);
    for (const path of [join(cache.leases.dir, name!), cache.leases.dir]) {
      const { mode } = await Deno.stat(path);
      await Deno.chmod(path, 0);
      const pruned = await run(["cache:prune", "--max-size", "0"]);
      await Deno.chmod(path, mode! & 0o777);
      assertEquals(pruned.code, 0, pruned.stderr);
      assertStringIncludes(pruned.stderr, path);
      assert(await isThere(orphan.path));
      assert(await isThere(mine.blob));
    }
  },
);

const unreadable: Record<string, (ground: Ground) => Promise<string>> = {
  "a blob": ({ mine }) => Promise.resolve(mine.blob),
  "a folder of blobs": ({ mine }) => Promise.resolve(dirname(mine.blob)),
  "a file of an unpacked folder": async ({ dir }) => join(await anArchive(dir), "file"),
  "an unpacked folder": ({ dir }) => anArchive(dir),
};

async function anArchive(dir: string): Promise<string> {
  const body = new Blob(["data"]).stream();
  const members = ReadableStream.from([{ path: "file", type: "file" as const, body }]);
  return (await new Cache(dir).archives.persist(members)).path;
}

for (const [what, pathOf] of Object.entries(unreadable)) {
  deniedTest(
    `cache:verify goes on though ${what} may not be read, names it, and does not vouch for it`,
    async (ground) => {
      const { other, run } = ground;
      const path = await pathOf(ground);
      const { mode } = await Deno.stat(path);
      await Deno.chmod(path, 0);
      const read = await run(["cache:verify"]);
      assertEquals(read.code, 1, read.stderr);
      assertStringIncludes(read.stderr, `'${path}'; it was not held against its digest`);
      assertStringIncludes(read.stderr, "1 of its files and folders may not be read");
      await Deno.chmod(other.blob, 0o644);
      await Deno.writeTextFile(other.blob, "evil");
      const mended = await run(["cache:verify"]);
      assertEquals(mended.code, 1, mended.stderr);
      assertStringIncludes(mended.stderr, "fetched anew");
      const damaged = await run(["cache:verify", "--dry-run"]);
      assertStringIncludes(damaged.stderr, path);
      await Deno.chmod(path, mode! & 0o777);
      assertEquals((await run(["cache:verify"])).code, 0);
    },
  );
}

deniedTest(
  "cache:verify goes on though a folder may be listed, and what is in it not looked at",
  async ({ mine, run }) => {
    await Deno.chmod(dirname(mine.path), 0o444);
    const { code, stderr } = await run(["cache:verify"]);
    await Deno.chmod(dirname(mine.path), 0o755);
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, `'${mine.path}'; it was not held against its digest`);
    assertStringIncludes(stderr, "1 of its files and folders may not be read");
  },
);

deniedTest(
  "cache:verify of a cache that may not be written says what is damaged, and that it stays there",
  async ({ dir, mine, run }) => {
    await Deno.chmod(mine.blob, 0o644);
    await Deno.writeTextFile(mine.blob, "evil");
    await new Deno.Command("chmod", { args: ["-R", "a-w", dir] }).output();
    const { code, stderr } = await run(["cache:verify"]);
    assertEquals(code, 3, stderr);
    assertStringIncludes(stderr, `of ${mine.url} was damaged: it cannot be moved away: `);
    assertStringIncludes(stderr, "hint: it cannot be moved away: ");
    await new Deno.Command("chmod", { args: ["-R", "u+w", dir] }).output();
  },
);

deniedTest(
  "a layer below that cannot be looked into is refused, whatever is in its place",
  async ({ dir, mine, run }) => {
    const below = join(dirname(dir), "below");
    const places: Record<string, () => Promise<void>> = {
      "No such file": () => Promise.resolve(),
      "symbolic link": () => Deno.symlink(below, below),
      "Not a directory": () => Deno.writeTextFile(below, ""),
      "Permission denied": () => Deno.mkdir(below, { mode: 0o600 }),
    };
    for (const [state, place] of Object.entries(places)) {
      await place();
      for (const args of [["kexec", "--url", mine.url], ["cache:ls"]]) {
        const { code, stderr } = await run(args, { KEDGE_CACHE_LOWER: below });
        assertEquals(code, 2, stderr);
        assertStringIncludes(stderr, `Cannot use KEDGE_CACHE_LOWER "${below}"`);
        assertStringIncludes(stderr, state);
        assertStringIncludes(stderr, "hint: name the folder of a cache");
      }
      await Deno.remove(below).catch(() => undefined);
    }
  },
);

deniedTest(
  "kexec of a cache that may not be written says how to use it, and another one above it does",
  async ({ dir, mine, origin, run }) => {
    await new Deno.Command("chmod", { args: ["-R", "a-w", dir] }).output();
    const hit = await run(["kexec", "--url", mine.url]);
    assertEquals([hit.code, hit.stdout], [0, `${mine.path}\n`], hit.stderr);
    for (const args of [["--refresh"], ["--unpack"], ["--max-age", "0s"]]) {
      const { code, stderr } = await run(["kexec", "--url", mine.url, ...args]);
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, `error: Cannot write to the cache "${dir}": `);
      assertStringIncludes(stderr, "KEDGE_CACHE_LOWER");
    }
    const above = join(dirname(dir), "above");
    const asked = origin.requests.length;
    const env = { KEDGE_CACHE_LOWER: dir };
    const refreshed = await run(
      ["kexec", "--url", mine.url, "--refresh", "--cache-dir", above],
      env,
    );
    assertEquals(refreshed.code, 0, refreshed.stderr);
    assertEquals(await Deno.readFile(refreshed.stdout.trim()), await Deno.readFile(mine.path));
    assertEquals(origin.requests.slice(asked).map(({ status }) => status), [304]);
  },
);

deniedTest("kexec brings a bundle anew whose pointer may not be read", async ({ mine, run }) => {
  await Deno.chmod(mine.pointer, 0);
  const { code, stdout, stderr } = await run(["kexec", "--url", mine.url]);
  assertEquals([code, stdout], [0, `${mine.path}\n`], stderr);
});
