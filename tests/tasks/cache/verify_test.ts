import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { exitCodeOf, VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { BadBlob } from "../../../lib/cache/verify_cache.ts";
import { cacheVerify } from "../../../tasks/cache/cache.ts";
import { cacheKexec, type CacheKexecOptions } from "../../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { runKedge } from "../../support/program.ts";

const quick = { retry: { retries: 0, baseMs: 1, ceilingMs: 2 } };
const body = bundleBytes({ size: 300_000 });
const next = bundleBytes({ size: 300_000, version: "2" });

interface Bench {
  origin: Origin;
  dir: string;
  fetch(options?: CacheKexecOptions, refresh?: "all" | "none"): ReturnType<typeof cacheKexec>;
  /** Writes other bytes into the blob of a path. */
  damage(path: string): Promise<void>;
  verify: typeof cacheVerify;
}

async function withBundle(test: (bench: Bench) => Promise<void>): Promise<void> {
  await using origin = startOrigin({ "/b.tar.gz": { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-verify-" });
  const dir = join(folder, "cache");
  try {
    await test({
      origin,
      dir,
      fetch: (options = {}, refresh = "none") =>
        cacheKexec({ url: origin.url("/b.tar.gz"), ...quick, ...options }, {
          cache: new Cache(dir),
          refresh,
        }),
      damage: async (path) => {
        await Deno.chmod(path, 0o644);
        using file = await Deno.open(path, { write: true });
        await file.write(new TextEncoder().encode("evil"));
      },
      verify: (options, ctx) => cacheVerify(options, { cache: new Cache(dir), ...ctx }),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const badOf = (error: VerificationError) => error.data["bad"] as readonly BadBlob[];

Deno.test("cache:verify fetches anew what it moved away, and says so", () =>
  withBundle(async ({ origin, fetch, damage, verify, dir }) => {
    const { path, digest } = await fetch();
    await damage(path);
    const { bad, bytesMoved, complete } = await verify();
    assertEquals([bad.length, bytesMoved, complete], [1, body.length, true]);
    assertEquals([bad[0]!.digest, bad[0]!.refetched], [digest, true]);
    assertEquals(bad[0]!.why, `fetched anew: ${origin.url("/b.tar.gz")}`);
    assertEquals(await Deno.readFile(path), body);
    assertEquals((await Array.fromAsync(Deno.readDir(join(dir, "quarantine-v1")))).length, 1);
    assertEquals((await verify()).bad, []);
  }));

Deno.test("cache:verify gives every URL of a blob that it fetched anew its file again", () =>
  withBundle(async ({ origin, fetch, damage, verify }) => {
    origin.files.set("/other.tar.gz", { body });
    const paths = [];
    for (const name of ["/b.tar.gz", "/other.tar.gz?signature=s3cr3t"]) {
      paths.push((await fetch({ url: origin.url(name) })).path);
    }
    await damage(paths[0]!);
    assertEquals((await verify()).bad.map(({ refetched }) => refetched), [true]);
    for (const path of paths) assertEquals(await Deno.readFile(path), body);
  }));

Deno.test("cache:verify does not take the new version of an origin for the damaged one", () =>
  withBundle(async ({ origin, fetch, damage, verify }) => {
    const { path } = await fetch();
    await damage(path);
    origin.files.get("/b.tar.gz")!.body = next;
    const error = await assertRejects(() => verify(), VerificationError);
    assertEquals([badOf(error)[0]!.refetched, exitCodeOf(error)], [false, 3]);
    assertStringIncludes(badOf(error)[0]!.why, "instead of");
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  }));

Deno.test("cache:verify says why something cannot be fetched anew", () =>
  withBundle(async ({ origin, fetch, damage, verify, dir }) => {
    const reasonOf = async (run: () => Promise<unknown>) =>
      badOf(await assertRejects(run, VerificationError))[0]!.why;
    const { path } = await fetch();
    await damage(path);
    assertStringIncludes(await reasonOf(() => verify({}, { dryRun: true })), "dry run");
    const offline = await reasonOf(() => verify({}, { offline: true }));
    assertEquals(offline, "it is fetched anew at its next use");

    const again = await fetch();
    await damage(again.path);
    origin.files.get("/b.tar.gz")!.faults = [{ status: 404 }];
    assertStringIncludes(await reasonOf(() => verify()), "404");

    origin.files.set("/s.tar.gz", { body: next });
    const signed = await fetch({ url: origin.url("/s.tar.gz?signature=s3cr3t") });
    await damage(signed.path);
    assertStringIncludes(await reasonOf(() => verify()), "its URL has a query");

    const cache = new Cache(dir);
    const orphan = await cache.blobs.persist(new Blob(["nobody's"]).stream());
    await damage(orphan.path);
    assertEquals(await reasonOf(() => verify()), "nothing refers to it");
  }));

Deno.test("cache:verify does not fetch what is of an earlier version", () =>
  withBundle(async ({ origin, fetch, damage, verify, dir }) => {
    const { digest } = await fetch();
    origin.files.get("/b.tar.gz")!.body = next;
    await fetch({}, "all");
    await damage(new Cache(dir).blobs.path(digest!));
    const before = origin.requests.length;
    const error = await assertRejects(() => verify(), VerificationError);
    assertStringIncludes(badOf(error)[0]!.why, "earlier version");
    assertEquals(origin.requests.length, before);
  }));

Deno.test("cache:verify within a budget of bytes counts what is fetched anew", () =>
  withBundle(async ({ fetch, damage, verify }) => {
    const { path } = await fetch();
    await damage(path);
    const spent = await assertRejects(
      () => verify({ budgetBytes: body.length + 10 }),
      VerificationError,
    );
    assertStringIncludes(badOf(spent)[0]!.why, "the budget was used up");
    await fetch();
    await damage(path);
    assertEquals((await verify({ budgetBytes: 2 * body.length })).bytesMoved, body.length);
  }));

Deno.test("cache:verify makes a damaged unpacked folder again without asking anybody", () =>
  withBundle(async ({ origin, fetch, damage, verify }) => {
    const { parts } = await fetch({ unpack: true });
    await damage(parts!.kernel);
    const { bad, bytesMoved } = await verify();
    assertEquals([bad[0]!.kind, bad[0]!.refetched, bytesMoved], ["archive", true, 0]);
    assertStringIncludes(bad[0]!.why, "made again from what is in the cache");
    assertEquals((await fetch({ unpack: true })).parts, parts);
    assertEquals(origin.requests.length, 1);
  }));

Deno.test("cache:verify --help says what is done unless it is turned off", () =>
  withBundle(async ({ dir }) => {
    const { stdout } = await runKedge(["cache:verify", "--help"], { cacheDir: dir });
    assertMatch(stdout, /--\[no-\]refetch +Fetch damaged contents again \(default: yes\)\n/);
  }));

Deno.test("cache:verify on the command line tells what became of each, and --no-refetch leaves it", () =>
  withBundle(async ({ fetch, damage, dir }) => {
    const { path, digest } = await fetch();
    await damage(path);
    const left = await runKedge(["cache:verify", "--no-refetch"], { cacheDir: dir });
    assertEquals([left.code, left.stdout], [3, ""]);
    assertStringIncludes(left.stderr, "it is fetched anew at its next use");
    await fetch();
    await damage(path);
    const mended = await runKedge(["cache:verify"], { cacheDir: dir });
    assertEquals(mended.code, 0, mended.stderr);
    assertStringIncludes(mended.stdout, `blob ${digest}: damaged, fetched anew: http://127.0.0.1`);
    assertStringIncludes(mended.stdout, "all good again");
  }));
