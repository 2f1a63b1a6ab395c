import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { silentMeter as meter } from "../../../lib/base/meter.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { decodeIndex, wholeIndex } from "../../../lib/chunk/decode_index.ts";
import { encodeIndex } from "../../../lib/chunk/encode_index.ts";
import type { DiskSource } from "../../../lib/disk/disk_store.ts";
import { fetchIndex } from "../../../lib/disk/fetch_index.ts";
import { keepDisk } from "../../../lib/disk/seen_disks.ts";
import { noise, rawIndex } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";

const root = new URL("../../../", import.meta.url);
const most = 300_000;

/** The index of a disk of many blocks, one of which each version has for itself. */
function versionOf(version: number, count = most): Uint8Array<ArrayBuffer> {
  const digests = noise(32 * count);
  digests.set(noise(32, 100 + version));
  return encodeIndex(rawIndex({
    chunker: chunkerFor("fixed", 0, 4096),
    size: count * 4096,
    digests,
    lengths: new Uint32Array(count).fill(4096),
    rows: Uint32Array.from({ length: count }, (_, row) => row),
    rowOffsets: Float64Array.from({ length: count + 1 }, (_, row) => row * 4096),
  }, 12_000));
}

Deno.test({
  name: "fetchIndex() takes pages of earlier indexes without having those in memory",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const cache = new Cache(world.path("cache"));
    for (let version = 0; version < 8; version++) {
      const indexBytes = versionOf(version);
      const [digest, size] = [sha256(indexBytes), indexBytes.length];
      const indexBlob = { mediaType: "index", digest, size };
      await keepDisk(cache, { indexBlob, indexBytes, manifest: { digest } }, "docker://h/disk:1");
    }
    const wanted = versionOf(8);
    const file = await world.write("index", wanted);
    const href = (path: string) => JSON.stringify(new URL(path, root).href);
    const program = await world.write(
      "program.ts",
      new TextEncoder().encode(`
        import { silentMeter as meter } from ${href("lib/base/meter.ts")};
        import { Cache } from ${href("lib/cache/cache.ts")};
        import { fetchIndex } from ${href("lib/disk/fetch_index.ts")};
        using file = await Deno.open(${JSON.stringify(file)});
        const store = {
          requestsPerRead: 1,
          async range(_blob, start, end) {
            const bytes = new Uint8Array(end - start);
            await file.seek(start, Deno.SeekMode.Start);
            for (let at = 0; at < bytes.length; at += await file.read(bytes.subarray(at)));
            return bytes;
          },
        };
        const blob = { digest: "${sha256(wanted)}", size: ${wanted.length} };
        const options = { packs: 25, cache: new Cache(${
        JSON.stringify(world.path("cache"))
      }), meter };
        const { signal } = new AbortController();
        const before = Deno.memoryUsage().rss;
        const take = () => ({ wantsOffsets: false, page() {}, refuseTwice() {}, file() {} });
        const { fetchedBytes } = await fetchIndex(store, blob, { ...options, signal }, take);
        const most = /VmHWM:\\s+(\\d+) kB/.exec(await Deno.readTextFile("/proc/self/status"))[1];
        console.log(JSON.stringify([fetchedBytes, most * 1024 - before]));
      `),
    );
    const config = fromFileUrl(new URL("deno.json", root));
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", config, program],
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    const [fetchedBytes, grown] = JSON.parse(new TextDecoder().decode(stdout));
    assert(fetchedBytes < wanted.length / 20, `${fetchedBytes} bytes are fetched`);
    assert(grown < 5 * wanted.length, `${grown} bytes for an index of ${wanted.length}`);
  },
});

Deno.test("fetchIndex() fetches what an earlier index had that is pruned meanwhile", async () => {
  await using world = await DiskWorld.make();
  const cache = new Cache(world.path("cache"));
  const indexBytes = versionOf(0, 24_000);
  const [digest, size] = [sha256(indexBytes), indexBytes.length];
  const indexBlob = { mediaType: "index", digest, size };
  await keepDisk(cache, { indexBlob, indexBytes, manifest: { digest } }, "docker://h/disk:1");
  const wanted = versionOf(1, 24_000);
  let reads = 0;
  const store: Pick<DiskSource, "requestsPerRead" | "range"> = {
    requestsPerRead: 1,
    async range(_blob, start, end) {
      if (reads++ === 0) await Deno.remove(cache.blobs.path(digest));
      return wanted.slice(start, end);
    },
  };
  const blob = { mediaType: "index", digest: sha256(wanted), size: wanted.length };
  const { signal } = new AbortController();
  const options = { packs: 2, cache, meter, signal, keepsBytes: true };
  const { index, bytes, fetchedBytes } = await fetchIndex(
    store as DiskSource,
    blob,
    options,
    wholeIndex,
  );
  assertEquals([sha256(bytes!), index], [blob.digest, decodeIndex(wanted)]);
  assertEquals(fetchedBytes, wanted.length);
  assert(reads > 1);
});
