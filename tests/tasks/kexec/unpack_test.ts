import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { exitCodeOf, VerificationError } from "../../../lib/base/errors.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import {
  cacheClean,
  cacheList,
  cachePrune,
  cacheSize,
  cacheVerify,
  cacheWhy,
} from "../../../tasks/cache/cache.ts";
import { cacheKexec, type CacheKexecOptions } from "../../../tasks/kexec/kexec.ts";
import { bundleBytes, kernelImage } from "../../support/bundle.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { runKedge } from "../../support/program.ts";
import { treeOf } from "../../support/tree.ts";

const quick = { retry: { retries: 1, baseMs: 1, ceilingMs: 2 } };
const first = bundleBytes({ size: 300_000 });
const next = bundleBytes({ size: 300_000, version: "2" });

interface Bench {
  origin: Origin;
  dir: string;
  /** Runs as one process would: with a cache of its own on the same folder. */
  run(
    options?: CacheKexecOptions,
    ctx?: Parameters<typeof cacheKexec>[1],
  ): ReturnType<typeof cacheKexec>;
}

async function withOrigin(body: Uint8Array, test: (bench: Bench) => Promise<void>): Promise<void> {
  await using origin = startOrigin({ "/b.tar.gz": { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-unpack-" });
  const dir = join(folder, "cache");
  try {
    await test({
      origin,
      dir,
      run: (options = {}, ctx = {}) =>
        cacheKexec({ url: origin.url("/b.tar.gz"), unpack: true, ...quick, ...options }, {
          cache: new Cache(dir),
          ...ctx,
        }),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const archivesOf = (dir: string) => Array.fromAsync(new Cache(dir).archives.list());

Deno.test("cacheKexec() with unpack gives the kernel and the initrd, and the second call unpacks nothing", () =>
  withOrigin(first, async ({ origin, run, dir }) => {
    const { parts, changed, why } = await run();
    assertEquals(changed, true);
    assertStringIncludes(why, "its parts were unpacked");
    assertEquals(await Deno.readFile(parts!.kernel), kernelImage("1", "x86_64"));
    assertEquals(basename(parts!.initrd), "initrd");
    assertEquals(parts!.dir, new Cache(dir).archives.path(parts!.tree));
    const names = (await Array.fromAsync(Deno.readDir(join(parts!.dir, "kexec")))).map(({ name }) =>
      name
    );
    assertEquals(names.sort(), ["bzImage", "initrd", "ip", "kexec", "run"]);
    assertEquals((await Deno.stat(join(parts!.dir, "kexec", "run"))).mode! & 0o777, 0o444);
    const again = await run();
    assertEquals([again.changed, again.requests, again.parts], [false, 0, parts]);
    assertEquals(origin.requests.length, 1);
  }));

Deno.test("cacheKexec() with unpack of a bundle that is there already changes only that", () =>
  withOrigin(first, async ({ run }) => {
    await run({ unpack: false });
    const later = await run();
    assertEquals([later.changed, later.bytesMoved, later.requests], [true, 0, 0]);
    assertEquals(await Deno.readFile(later.parts!.kernel), kernelImage("1", "x86_64"));
  }));

Deno.test("cacheKexec() with unpack in a dry run writes nothing", () =>
  withOrigin(first, async ({ run, dir }) => {
    assertEquals((await run({}, { dryRun: true })).parts, undefined);
    assertEquals(await treeOf(dir), new Map());
  }));

Deno.test("cacheKexec() with unpack keeps the tree of two tarballs of the same files once", () =>
  withOrigin(first, async ({ origin, run, dir }) => {
    const body = bundleBytes({ size: 300_000, compression: "zst" });
    origin.files.set("/b.tar.zst", { body });
    const one = await run();
    const other = await run({ url: origin.url("/b.tar.zst") });
    assert(one.digest !== other.digest);
    assertEquals(other.parts, one.parts);
    assertEquals((await archivesOf(dir)).length, 1);
    await cacheClean({ names: ["b.tar.gz"] }, { cache: new Cache(dir) });
    assertEquals((await archivesOf(dir)).length, 1);
    await cacheClean({ names: ["b.tar.zst"] }, { cache: new Cache(dir) });
    assertEquals(await archivesOf(dir), []);
  }));

Deno.test("cacheKexec() with unpack foresees in a dry run whether it will unpack", () =>
  withOrigin(first, async ({ run, dir }) => {
    const foresee = async () => {
      const tree = await treeOf(dir);
      const { changed, why } = await run({}, { dryRun: true });
      assertEquals(await treeOf(dir), tree);
      return [changed, why.endsWith("; its parts would be unpacked")];
    };
    assertEquals(await foresee(), [true, true]);
    await run({ unpack: false });
    assertEquals(await foresee(), [true, true]);
    await run();
    assertEquals(await foresee(), [false, false]);
    const [archive] = await archivesOf(dir);
    await Deno.remove(archive!.path, { recursive: true });
    assertEquals(await foresee(), [true, true]);
    assertEquals((await run()).changed, true);
  }));

Deno.test("cacheKexec() with unpack unpacks anew what was changed", () =>
  withOrigin(first, async ({ run, dir }) => {
    const { parts } = await run();
    await Deno.chmod(parts!.kernel, 0o644);
    await Deno.writeTextFile(parts!.kernel, "evil");
    const again = await run();
    assertEquals(again.parts, parts);
    assertEquals(await Deno.readFile(parts!.kernel), kernelImage("1", "x86_64"));
    assertEquals((await Array.fromAsync(Deno.readDir(join(dir, "quarantine-v1")))).length, 1);
  }));

Deno.test("cacheKexec() with unpack keeps the parts of the version before, until prune --ci", () =>
  withOrigin(first, async ({ origin, run, dir }) => {
    const before = (await run()).parts!;
    origin.files.get("/b.tar.gz")!.body = next;
    const now = (await run({}, { refresh: "all" })).parts!;
    assert(now.tree !== before.tree);
    const other = () => new Cache(dir);
    await runKedge(["cache:prune"], { cacheDir: dir });
    assertEquals((await archivesOf(dir)).length, 2);
    const [why] = await cacheWhy("b.tar.gz", { cache: other() });
    assertEquals(
      why!.refs.map(({ folder }) => folder).filter((each) => each !== undefined).sort(),
      [now.dir, before.dir].sort(),
    );
    const [listed] = await cacheList({ cache: other() });
    assertEquals(listed!.whole, true);
    assert(listed!.bytes > 4 * 250_000);
    const { parts } = await cacheSize({ cache: other() });
    assert(parts.find(({ name }) => name === "archives-v1")!.bytes > 2 * 250_000);
  }));

Deno.test("cache:prune --ci takes what is unpacked and keeps what was fetched, which then does offline", () =>
  withOrigin(first, async ({ origin, dir }) => {
    const url = origin.url("/b.tar.gz");
    const kexec = await runKedge(["kexec", "--url", url, "--unpack"], { cacheDir: dir });
    assertEquals(kexec.code, 0, kexec.stderr);
    const [tarball, kernel, initrd] = kexec.stdout.trim().split("\n");
    assertEquals(await Deno.readFile(tarball!), first);
    assertEquals(await Deno.readFile(kernel!), kernelImage("1", "x86_64"));
    await Deno.stat(initrd!);
    const plain = await cachePrune({}, { cache: new Cache(dir) });
    assertEquals(plain.plan.items.filter(({ kind }) => kind !== "lease"), []);
    const { plan } = await cachePrune({ ci: true }, { cache: new Cache(dir) });
    assertEquals(plan.items.map(({ kind, reason }) => [kind, reason]), [[
      "archive",
      "not needed in CI",
    ]]);
    assertEquals(await archivesOf(dir), []);
    assertEquals(await treeOf(join(dir, buckets.temporary.folder)), new Map([["/", ""]]));
    assertEquals((await cacheList({ cache: new Cache(dir) }))[0]!.whole, true);
    const { stdout } = await runKedge(["kexec", "--url", url, "--unpack", "--offline"], {
      cacheDir: dir,
    });
    assertEquals(stdout, kexec.stdout);
  }));

Deno.test("cache:prune leaves the unpacked folder that a live process uses", () =>
  withOrigin(first, async ({ run, dir }) => {
    const cache = new Cache(dir);
    const { parts } = await run({}, { cache });
    await cachePrune({ ci: true, maxSize: 0 }, { cache: new Cache(dir) });
    await Deno.stat(parts!.kernel);
  }));

Deno.test("cache:verify finds a changed part, and moves its folder away", () =>
  withOrigin(first, async ({ run, dir }) => {
    const { parts } = await run();
    assertEquals((await cacheVerify({}, { cache: new Cache(dir) })).archives, 1);
    await Deno.chmod(parts!.initrd, 0o644);
    await Deno.writeTextFile(parts!.initrd, "evil");
    const error = await assertRejects(
      () => cacheVerify({ refetch: false }, { cache: new Cache(dir) }),
      VerificationError,
    );
    assertStringIncludes(error.message, "b.tar.gz");
    assertEquals(await archivesOf(dir), []);
  }));

for (
  const [what, names] of [
    ["leads out of it", ["../../escaped"]],
    ["is absolute", ["/tmp/kedge-escaped"]],
  ] as const
) {
  Deno.test(`cacheKexec() with unpack refuses a pinned tarball of which a member ${what}`, async () => {
    const body = bundleBytes({ size: 100_000, compression: "none", extra: names });
    await withOrigin(body, async ({ origin, run, dir }) => {
      origin.files.set("/evil.tar", { body });
      const evil = { url: origin.url("/evil.tar"), sha256: sha256(body) };
      const error = await assertRejects(() => run(evil), VerificationError, "out of it");
      assertEquals(exitCodeOf(error), 3);
      assertEquals(await archivesOf(dir), []);
      assertEquals((await Array.fromAsync(Deno.readDir(join(dir, "..")))).length, 1);
    });
  });
}

Deno.test("cacheKexec() with unpack refuses a pinned tarball that is not a bundle", () =>
  withOrigin(
    bundleBytes({ size: 100_000, files: { initrd: undefined } }),
    async ({ origin, run, dir }) => {
      const pinned = { sha256: sha256(origin.files.get("/b.tar.gz")!.body) };
      await assertRejects(() => run(pinned), VerificationError, "it lacks kexec/initrd");
      assertEquals(await archivesOf(dir), []);
    },
  ));
