/**
 * What becomes of a cache of which this user may not read, or change, all: it is used as far as it can be.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { isThere } from "../../support/is_there.ts";
import { deniedTest, type Ground } from "../../support/denied_ground.ts";

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
