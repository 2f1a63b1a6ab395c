import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { DownloadEntry } from "../../../lib/cache/download_entry.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { confirmAsOlder, readAsOlder } from "../../support/older_reader.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";

const [first, next] = ["1", "2"].map((version) => bundleBytes({ size: 200_000, version }));

/** Fills an entry with all that the present program writes: a version before, unpacked folders, validators, a lifetime. */
async function withFullEntry(
  run: (bench: {
    origin: Origin;
    path: string;
    digests: { before: string; now: string; trees: string[] };
    call(refresh?: "all"): ReturnType<typeof cacheKexec>;
  }) => Promise<void>,
): Promise<void> {
  await using origin = startOrigin({
    "/b.tar.gz": {
      body: first!,
      lastModified: "Wed, 21 Oct 2015 07:28:00 GMT",
      headers: { "cache-control": "max-age=60, must-revalidate" },
    },
  });
  const folder = await Deno.makeTempDir({ prefix: "kedge-older-" });
  const dir = join(folder, "cache");
  const url = origin.url("/b.tar.gz");
  const call = (refresh: "all" | "none" = "none") =>
    cacheKexec({ url, unpack: true }, { cache: new Cache(dir), refresh });
  try {
    const before = await call();
    origin.files.get("/b.tar.gz")!.body = next!;
    const now = await call("all");
    const { path } = new DownloadEntry(new Cache(dir), buckets.kexec, url).entry;
    const trees = [before.parts!.tree, now.parts!.tree];
    const digests = { before: before.digest!, now: now.digest!, trees };
    await run({ origin, path, digests, call: (refresh) => call(refresh) });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("an older reader reads what the present program writes, and keeps all of it from its prune", () =>
  withFullEntry(async ({ origin, path, digests: { before, now, trees } }) => {
    const read = await readAsOlder(path);
    assertEquals(read.key, origin.url("/b.tar.gz"));
    assertEquals([read.digest, read.size, read.previous], [now, next!.length, [before]]);
    assertEquals(read.refs.toSorted(), [before, now, ...trees].toSorted());
  }));

Deno.test("what an older program confirmed keeps what it does not know", () =>
  withFullEntry(async ({ origin, path, digests, call }) => {
    await confirmAsOlder(path, Date.now());
    const requests = origin.requests.length;
    const again = await call();
    assertEquals([again.changed, again.parts!.tree], [false, digests.trees[1]]);
    assertEquals(origin.requests.length, requests);
    const { spare } = JSON.parse(await Deno.readTextFile(path));
    assertEquals(spare.length, 3);
  }));

Deno.test("the present program reads an entry of an older one, which says nothing of unpacked folders", () =>
  withFullEntry(async ({ path, digests, call }) => {
    const { spare: _spare, ...envelope } = JSON.parse(await Deno.readTextFile(path));
    delete envelope.value.unpacked;
    for (const each of envelope.value.previous) delete each.tree;
    await Deno.writeTextFile(path, JSON.stringify(envelope));
    const again = await call();
    assertEquals([again.digest, again.requests], [digests.now, 0]);
    assertEquals(again.parts!.tree, digests.trees[1]);
  }));
