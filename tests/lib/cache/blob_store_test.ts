/** Blobs of a cache, from streams and from files. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import type { Cache } from "../../../lib/cache/cache.ts";
import { withPatientCache } from "../../support/cache_ground.ts";
import { treeOf } from "../../support/tree.ts";

const streamOf = (text: string): ReadableStream<Uint8Array> => new Blob([text]).stream();

Deno.test("BlobStore.persist() hashes a stream and keeps it read-only under its digest", () =>
  withPatientCache(async (cache) => {
    const blob = await cache.blobs.persist(streamOf("hello"), {
      digest: sha256("hello"),
      size: 5,
    });
    assertEquals(blob.path, cache.blobs.path(sha256("hello")));
    assertEquals(await Deno.readTextFile(blob.path), "hello");
    assertEquals((await Deno.stat(blob.path)).mode! & 0o777, 0o444);
    assertEquals(await cache.blobs.size(blob.digest), 5);
    assertEquals(await new Response(await cache.blobs.open(blob.digest)).text(), "hello");
  }));

for (
  const [what, expected] of [
    ["another digest", { digest: sha256("other") }],
    ["fewer bytes", { size: 6 }],
    ["more bytes", { size: 4 }],
  ] as const
) {
  Deno.test(`BlobStore.persist() refuses a stream of ${what} and keeps nothing`, () =>
    withPatientCache(async (cache) => {
      await assertRejects(
        () => cache.blobs.persist(streamOf("hello"), expected),
        VerificationError,
      );
      const files = [...(await treeOf(cache.dir)).keys()].filter((path) => /blob/.test(path));
      assertEquals(files.filter((path) => !path.endsWith("/")), []);
    }));
}

Deno.test("BlobStore.persist() puts a blob there that goes while it is found to be there", () =>
  withPatientCache(async (cache) => {
    const { path } = await cache.blobs.persist(streamOf("data"));
    // What a prune does at this moment whose lock lets everybody in.
    const { chmod } = Deno;
    Deno.chmod = async (of, mode) => {
      Deno.chmod = chmod;
      await Deno.remove(of);
      await chmod(of, mode);
    };
    try {
      await cache.blobs.persist(streamOf("data"));
    } finally {
      Deno.chmod = chmod;
    }
    assertEquals(await Deno.readTextFile(path), "data");
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o444);
  }));

Deno.test("BlobStore.persistFile() takes over a finished file", () =>
  withPatientCache(async (cache) => {
    await using folder = await cache.temporaryFolder();
    const path = join(folder.path, "f");
    await Deno.writeTextFile(path, "data");
    const blob = await cache.blobs.persistFile(path, { digest: sha256("data") });
    const found = { ...blob, changedMs: (await Deno.stat(blob.path)).mtime!.getTime() };
    assertEquals(await cache.blobs.find(blob.digest), found);
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
    const all = await Array.fromAsync(cache.blobs.list());
    assertEquals(all, [found]);
  }));

for (
  const [how, write] of [
    ["persist()", (cache: Cache) => cache.blobs.persist(streamOf("data"))],
    ["persistFile()", async (cache: Cache) => {
      const path = cache.temporaryPath("finished");
      await Deno.writeTextFile(path, "data");
      return await cache.blobs.persistFile(path);
    }],
  ] as const
) {
  Deno.test(`BlobStore.${how} leaves a blob as it is that is there, unless it is damaged`, () =>
    withPatientCache(async (cache) => {
      const { path } = await cache.blobs.persist(streamOf("data"));
      const before = await Deno.stat(path);
      await Deno.chmod(path, 0o400);
      assertEquals((await write(cache)).path, path);
      const after = await Deno.stat(path);
      assertEquals([after.ino, after.mtime], [before.ino, before.mtime]);
      assertEquals(after.mode! & 0o777, 0o444);
      await Deno.chmod(path, 0o644);
      await Deno.writeTextFile(path, "evil");
      await write(cache);
      assertEquals(await Deno.readTextFile(path), "data");
      assertEquals((await Deno.stat(path)).mode! & 0o777, 0o444);
      assertEquals(await Array.fromAsync(Deno.readDir(join(cache.dir, "tmp-v1"))), []);
    }));
}
