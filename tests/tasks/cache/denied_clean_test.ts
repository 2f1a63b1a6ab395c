/** A cleaning of a cache of which this user may not read, or change, all: what stays is named. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { isThere } from "../../support/is_there.ts";
import { deniedTest } from "../../support/denied_ground.ts";

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
    assertStringIncludes(refused.stderr, "hint: kedge cannot find out who uses the cache");
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
  ["root"],
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
  ["root"],
);
