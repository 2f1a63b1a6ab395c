/** A verification of a cache of which this user may not read, or change, all. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { deniedTest, type Ground } from "../../support/denied_ground.ts";

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
