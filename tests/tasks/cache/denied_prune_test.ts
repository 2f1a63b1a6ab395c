/** A prune of a cache of which this user may not read, or change, all: nothing unknown goes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { folderNames } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { isThere } from "../../support/is_there.ts";
import { deniedTest } from "../../support/denied_ground.ts";

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
