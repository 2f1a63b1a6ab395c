/** What a full disk lets one do: use what is there, and make room. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { pruneCache } from "../../../lib/cache/prune.ts";
import { Journal } from "../../../lib/journal/journal.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { runKedge } from "../../support/program.ts";
import { fillDisk, mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

const MiB = 1024 * 1024;

interface Ground {
  cache: string;
  body: Uint8Array;
  url: string;
  origin: Origin;
  fill: () => Promise<void>;
  /** Frees some bytes. */
  free: () => Promise<void>;
}

/** A cache with one bundle on a small disk, which is full from then on. */
function fullDiskTest(name: string, run: (ground: Ground) => Promise<void>): void {
  realTest(name, ["root"], async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-full-" });
    try {
      await using disk = await mountSmallDisk(folder, 8 * MiB);
      const body = bundleBytes({ size: MiB });
      await using origin = startOrigin({
        "/k.tar.gz": { body },
        "/other.tar.gz": { body: bundleBytes({ size: MiB, version: "2" }) },
      });
      const cache = join(disk.dir, "cache");
      const url = origin.url("/k.tar.gz");
      const first = await runKedge(["kexec", "--url", url], { cacheDir: cache });
      assertEquals(first.code, 0, first.stderr);
      const fill = () => fillDisk(join(disk.dir, "fill"));
      await fill();
      const free = () => Deno.truncate(join(disk.dir, "fill"), MiB);
      await run({ cache, body, url, origin, fill, free });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

fullDiskTest("kexec on a full disk gives what the cache has", async ({ cache, body, url }) => {
  const hit = await runKedge(["kexec", "--url", url], { cacheDir: cache });
  assertEquals(hit.code, 0, hit.stderr);
  assertEquals(await Deno.readFile(hit.stdout.trim()), body);
  assertStringIncludes(hit.stderr, "the disk is full");
});

fullDiskTest("cache:verify and cache:ls on a full disk read what is there", async ({ cache }) => {
  for (const command of ["cache:verify", "cache:ls", "cache:size"]) {
    const { code, stderr } = await runKedge([command], { cacheDir: cache });
    assertEquals(code, 0, stderr);
  }
});

fullDiskTest(
  "kexec on a full disk of what is not in the cache ends with 8, and leaves nothing",
  async (
    { cache, origin },
  ) => {
    const url = origin.url("/other.tar.gz");
    const { code, stderr } = await runKedge(["kexec", "--url", url], { cacheDir: cache });
    assertEquals(code, 8, stderr);
    const names = await Array.fromAsync(Deno.readDir(join(cache, "blobs-v1", "sha256")));
    assertEquals(names.length, 1);
  },
);

fullDiskTest("cache:prune on a full disk makes room, and so does cache:clean", async (
  { cache, url, fill, origin },
) => {
  const pruned = await runKedge(["cache:prune", "--max-size", "0"], { cacheDir: cache });
  assertEquals(pruned.code, 0, pruned.stderr);
  assertStringIncludes(pruned.stdout, "to make room");
  const small = bundleBytes({ size: MiB / 4, version: "3" });
  origin.files.set("/k.tar.gz", { body: small });
  const again = await runKedge(["kexec", "--url", url], { cacheDir: cache });
  assertEquals(again.code, 0, again.stderr);
  assertEquals(await Deno.readFile(again.stdout.trim()), small);
  await fill();
  const cleaned = await runKedge(["cache:clean"], { cacheDir: cache });
  assertEquals(cleaned.code, 0, cleaned.stderr);
  const left = (await Array.fromAsync(Deno.readDir(cache))).map(({ name }) => name);
  assertEquals(left.filter((name) => /^(blobs|files|kexec)-/.test(name)), []);
});

fullDiskTest(
  "what is used on a full disk is not pruned while its user lives, though its lease has no room",
  async (
    { cache: dir, url, free, fill },
  ) => {
    const user = new Cache(dir);
    const journal = new Journal({ path: join(dir, "journal-v1.db"), onFailure: () => {} });
    const { digest } = await cacheKexec({ url }, { cache: user, journal });
    const policy = { maxBytes: 0 };
    const other = new Cache(dir);
    assertEquals((await pruneCache(other, { policy })).plan.leased, 0);
    assert(await other.blobs.has(digest!));
    await free();
    const orphan = (await other.blobs.persist(new Blob(["orphan"]).stream())).digest;
    await fill();
    await pruneCache(other, { policy });
    assert(await other.blobs.has(orphan), "what a file that was cut off may name stays");
    await free();
    await user.leases.take(orphan);
    const third = (await other.blobs.persist(new Blob(["third"]).stream())).digest;
    await pruneCache(new Cache(dir), { policy });
    assertEquals(
      [await other.blobs.has(digest!), await other.blobs.has(orphan), await other.blobs.has(third)],
      [true, true, false],
    );
  },
);

fullDiskTest(
  "a lease that has no room is told of, though the file of the process ends with a block of the disk",
  async ({ cache: dir, free, fill }) => {
    const user = new Cache(dir);
    await free();
    await user.leases.take(...Array.from({ length: 512 }, (_, i) => sha256(String(i))));
    await fill();
    assertEquals((await user.leases.read()).all, false);
    await user.leases.take(sha256("another"));
    const { all, leased } = await new Cache(dir).leases.read();
    assertEquals([all, leased.size], [true, 512]);
    await free();
    await user.leases.take(sha256("one more"));
    const after = await new Cache(dir).leases.read();
    assertEquals([after.all, after.leased.size], [false, 514]);
  },
);

realTest(
  "kexec gives what the cache has on a disk that takes no further file, and says so of what it has not",
  ["root"],
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-full-" });
    try {
      await using disk = await mountSmallDisk(folder, 8 * MiB, 100);
      const body = bundleBytes();
      await using origin = startOrigin({ "/k.tar.gz": { body }, "/other.tar.gz": { body } });
      const cacheDir = join(disk.dir, "cache");
      const run = (...args: string[]) => runKedge(args, { cacheDir });
      const url = origin.url("/k.tar.gz");
      const first = await run("kexec", "--url", url);
      assertEquals(first.code, 0, first.stderr);
      useUpFiles(disk.dir);
      for (let time = 0; time < 2; time++) {
        const hit = await run("kexec", "--url", url);
        assertEquals([hit.code, hit.stdout], [0, first.stdout], hit.stderr);
      }
      const listed = await run("cache:ls");
      assertEquals(listed.code, 0, listed.stderr);
      const asked = origin.requests.length;
      const missed = await run("kexec", "--url", origin.url("/other.tar.gz"));
      assertEquals(missed.code, 8, missed.stderr);
      assertEquals(origin.requests.length, asked);
      const pruned = await run("cache:prune", "--max-size", "0");
      assertEquals(pruned.code, 0, pruned.stderr);
      for (let count = 0; count < 20; count++) await Deno.remove(join(disk.dir, String(count)));
      const again = await run("kexec", "--url", url);
      assertEquals(again.code, 0, again.stderr);
      assertEquals(await Deno.readFile(again.stdout.trim()), body);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

function useUpFiles(folder: string): void {
  try {
    for (let count = 0;; count++) Deno.writeTextFileSync(join(folder, String(count)), "");
  } catch (error) {
    assertEquals((error as { code?: string }).code, "ENOSPC");
  }
}
