/** Blobs that several want at a time, of whom the first who asks may be ended; and what of them waits in memory for a plan. */
import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { Spool } from "../../../../lib/oci/copy/spool.ts";
import type { Descriptor } from "../../../../lib/oci/descriptor.ts";
import type { ImageSource } from "../../../../lib/oci/image_store.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { fixedLimit } from "../../../../lib/http/pace.ts";

const never = () => Promise.reject(new Error("not asked for"));
const { signal } = new AbortController();

/** A source of blobs, and what is waited for before it gives any. */
function sourceOf(
  blobs: ReadonlyMap<string, Uint8Array>,
  ready: Promise<void> = Promise.resolve(),
): ImageSource & { reads: number } {
  return {
    name: "the source",
    limit: fixedLimit(1),
    reads: 0,
    requestsPerRead: () => 1,
    resolve: never,
    manifest: never,
    referrers: never,
    tagged: never,
    async *read({ digest }, start, signal) {
      this.reads++;
      await ready;
      signal.throwIfAborted();
      yield blobs.get(digest)!.slice(start);
    },
    [Symbol.dispose]() {},
  };
}

function blobOf(content: Uint8Array<ArrayBuffer>): Descriptor {
  return { mediaType: MediaType.ociConfig, digest: sha256(content), size: content.byteLength };
}

/** A spool of a folder in which nothing lies. */
async function withSpool(run: (spool: Spool, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const place = () => Promise.resolve(folder);
    using spool = new Spool({ left: place, own: place });
    await run(spool, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("Spool.peek() reads a blob for who still wants it where the first who asked was ended", () =>
  withSpool(async (spool) => {
    const content = new TextEncoder().encode("config");
    const blob = blobOf(content);
    const ready = Promise.withResolvers<void>();
    const source = sourceOf(new Map([[blob.digest, content]]), ready.promise);
    const first = new AbortController();
    const ended = spool.peek(blob, source, first.signal);
    const others = [signal, signal].map((each) => spool.peek(blob, source, each));
    first.abort(new Error("the first is over"));
    ready.resolve();
    await assertRejects(() => ended, Error, "the first is over");
    assertEquals(await Promise.all(others), [content, content]);
    assertEquals(source.reads, 2);
  }));

Deno.test("Spool.path() fetches a blob for who still wants it where the first who asked was ended", () =>
  withSpool(async (spool) => {
    const content = new TextEncoder().encode("layer");
    const blob = blobOf(content);
    const ready = Promise.withResolvers<void>();
    const source = sourceOf(new Map([[blob.digest, content]]), ready.promise);
    const first = new AbortController();
    const ended = spool.path(blob, source, first.signal);
    const others = [signal, signal].map((each) => spool.path(blob, source, each));
    first.abort(new Error("the first is over"));
    ready.resolve();
    await assertRejects(() => ended, Error, "the first is over");
    const [path, same] = await Promise.all(others);
    assertEquals([path, await Deno.readFile(path!)], [same, content]);
    assertEquals(source.reads, 2);
  }));

Deno.test("Spool.path() asks once for a blob that cannot be had, however many want it", () =>
  withSpool(async (spool) => {
    const blob = blobOf(new TextEncoder().encode("layer"));
    const source = sourceOf(new Map([[blob.digest, new TextEncoder().encode("LAYER")]]));
    const first = new AbortController();
    const wanted = [first.signal, signal, signal].map((each) =>
      spool.path(blob, source, each).catch((error) => {
        // As those do that fail together with it.
        if (each === first.signal) first.abort(error);
        return (error as Error).name;
      })
    );
    assertEquals(await Promise.all(wanted), Array(3).fill("VerificationError"));
    assertEquals(source.reads, 1);
  }));

Deno.test("Spool.peek() keeps no more than 32 MiB of all that plans read, and has the rest fetched again", () =>
  withSpool(async (spool, folder) => {
    const contents = Array.from({ length: 5 }, (_, at) => new Uint8Array(8 * 1024 * 1024).fill(at));
    const blobs = contents.map(blobOf);
    const source = sourceOf(new Map(blobs.map(({ digest }, at) => [digest, contents[at]!])));
    for (const [at, blob] of blobs.entries()) {
      assertEquals((await spool.peek(blob, source, signal))?.[0], at);
    }
    const costs = [];
    for (const blob of blobs) costs.push(await spool.cost(blob, source));
    assertEquals(costs.map(({ requests }) => requests), [0, 0, 0, 0, 1]);
    spool.begin();
    for (const blob of blobs) await spool.path(blob, source, signal);
    assertEquals(source.reads, 6);
    assertEquals((await Array.fromAsync(Deno.readDir(`${folder}/blobs/sha256`))).length, 5);
  }));
