import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import { sha256 } from "../../../lib/base/digest.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { keepBytes } from "../../../lib/disk/keep_bytes.ts";
import { inFolder } from "../../support/in_folder.ts";

const bytes = new Uint8Array(100_000).fill(7);
const digest = sha256(bytes);

async function unfinished(cache: Cache): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(`${cache.dir}/tmp-v1`))).map(({ name }) => name);
}

Deno.test("keepBytes() keeps bytes as a blob, once, and nothing beside it", () =>
  inFolder(async (folder) => {
    const cache = new Cache(`${folder}/cache`);
    await keepBytes(cache, bytes, digest);
    const { path } = (await cache.blobs.find(digest, bytes.length))!;
    const { ino, mode } = await Deno.stat(path);
    assertEquals([await Deno.readFile(path), mode! & 0o777], [bytes, 0o444]);
    await keepBytes(cache, bytes, digest);
    assertEquals([(await Deno.stat(path)).ino, await unfinished(cache)], [ino, []]);
  }));

Deno.test("keepBytes() leaves nothing behind where the blob has no place", () =>
  inFolder(async (folder) => {
    const cache = new Cache(`${folder}/cache`);
    await cache.ensure(cache.dir);
    await Deno.writeTextFile(`${cache.dir}/blobs-v1`, "no folder");
    await assertRejects(() => keepBytes(cache, bytes, digest), KedgeError, "Not a directory");
    assertEquals(await unfinished(cache), []);
  }));

Deno.test("keepBytes() keeps bytes anew whose blob was damaged", () =>
  inFolder(async (folder) => {
    const cache = new Cache(`${folder}/cache`);
    await keepBytes(cache, bytes, digest);
    const { path } = (await cache.blobs.find(digest, bytes.length))!;
    await Deno.chmod(path, 0o644);
    await Deno.writeFile(path, bytes.with(5, 0));
    await keepBytes(cache, bytes, digest);
    assertEquals(await Deno.readFile(path), bytes);
  }));
