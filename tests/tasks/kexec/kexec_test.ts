import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { exitCodeOf, VerificationError } from "../../../lib/base/errors.ts";
import { writePending } from "../../../lib/http/pending_file.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { cacheKexec, type CacheKexecOptions } from "../../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { file, large, small, withOrigin } from "../../support/kexec_origin.ts";
import { treeOf } from "../../support/tree.ts";

Deno.test("cacheKexec() brings a bundle in one request, and the second call asks nobody", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const first = await run();
    assertEquals(await Deno.readFile(first.path), small);
    assertEquals(basename(first.path), "bundle.tar.gz");
    assertEquals(first.digest, sha256(small));
    assertEquals(first.size, small.length);
    assertEquals(first.changed, true);
    assertEquals([first.bytesMoved, first.bytesReused, first.requests], [small.length, 0, 1]);

    const tree = await treeOf(join(dir, "blobs-v1"));
    const second = await run();
    assertEquals(second.path, first.path);
    assertEquals(second.changed, false);
    assertEquals([second.bytesMoved, second.bytesReused, second.requests], [0, small.length, 0]);
    assertStringIncludes(second.why, "the cache has it since");
    assertEquals(origin.requests.length, 1);
    assertEquals(await treeOf(join(dir, "blobs-v1")), tree);
  }));

Deno.test("cacheKexec() in a dry run writes nothing and foresees the figures of the run", () =>
  withOrigin(large, async ({ run, dir }) => {
    const foreseen = await run({}, { dryRun: true });
    assertEquals(await treeOf(dir), new Map());
    const { dryRun, digest, ...real } = await run();
    const { dryRun: wasDryRun, ...planned } = foreseen;
    assertEquals([dryRun, wasDryRun], [false, true]);
    assertEquals(digest, sha256(large));
    assertEquals(planned, real);

    const tree = await treeOf(dir);
    const again = await run({}, { dryRun: true, refresh: "all" });
    assertEquals([again.changed, again.bytesMoved, again.requests], [false, 0, 1]);
    assertEquals(await treeOf(dir), tree);
  }));

for (
  const [what, fault, type] of [
    ["a web page", { body: "<!doctype html><p>Log in", headers: { "content-type": "text/html" } }],
    ["a web page that calls itself a file", { body: "<!DOCTYPE html><p>Log in" }],
    ["text", { body: "no such release today, come back tomorrow" }],
  ].map(([what, fault]) => [what, fault, VerificationError] as const)
) {
  Deno.test(`cacheKexec() refuses ${what} in the place of a tarball`, () =>
    withOrigin(small, async ({ origin, run, dir }) => {
      const faults = [fault, fault, fault, fault] as NonNullable<ReturnType<typeof file>["faults"]>;
      file(origin).faults = faults;
      const error = await assertRejects(() => run(), type);
      assertEquals(exitCodeOf(error), 3);
      assertEquals(await treeOf(join(dir, "blobs-v1")), new Map());
      file(origin).faults = [];
      assertEquals((await run()).digest, sha256(small));
    }));
}

Deno.test("cacheKexec() makes no new pointer to a damaged blob", () =>
  withOrigin(small, async ({ origin, run }) => {
    const first = await run();
    await Deno.chmod(first.path, 0o644);
    await Deno.writeFile(first.path, new Uint8Array(small.length));
    origin.files.set("/other.tar.gz", { body: small });
    const result = await run({ url: origin.url("/other.tar.gz"), sha256: sha256(small) });
    assertEquals(result.bytesMoved, small.length);
    assertEquals(await Deno.readFile(result.path), small);
  }));

Deno.test("cacheKexec() of a cache whose files got other dates hashes once and then trusts them", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const { path } = await run();
    await Deno.utime(path, new Date(1e12), new Date(1e12));
    assertEquals((await run()).changed, false);
    const entries = await treeOf(join(dir, "kexec-v1"));
    assertStringIncludes([...entries.values()].join(), `"hashedMs": ${1e12}`);
    assertEquals(origin.requests.length, 1);
  }));

Deno.test("cacheKexec() goes on after a kill between the blob and its pointer, for one request", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const cache = new Cache(dir);
    const blob = await cache.blobs.persist(new Blob([small]).stream());
    const key = origin.url("/bundle.tar.gz");
    const folder = await cache.partials.claim(key);
    const etag = `"${sha256(small).slice(7, 23)}"`;
    await writePending(folder, { digest: blob.digest, validators: { etag } });
    await cache.partials.release(key, folder);
    const result = await run();
    assertEquals([result.changed, result.bytesMoved, result.requests], [true, 0, 1]);
    assertEquals(result.digest, sha256(small));
    assertEquals(origin.requests.map(({ status }) => status), [304]);
    assertEquals(await cache.partials.find(key), undefined);
    assertEquals((await run({}, { refresh: "all" })).changed, false);
  }));

Deno.test("cacheKexec() refuses a tarball without a kernel and leaves the cache as it was", () =>
  withOrigin(bundleBytes({ files: { bzImage: undefined } }), async ({ run, dir }) => {
    await assertRejects(() => run(), VerificationError, "bzImage");
    assertEquals(await treeOf(join(dir, "blobs-v1")), new Map());
    assertEquals(await treeOf(join(dir, "partials-v1")), new Map([["/", ""]]));
  }));

for (
  const [name, options] of Object.entries<CacheKexecOptions>({
    "a URL that is none": { url: "nonsense" },
    "a URL of another protocol": { url: "ftp://host/x.tar.gz" },
    "a digest that is none": { sha256: "abc" },
    "a release that is none": { release: "ubuntu" },
    "an architecture that is none": { arch: "sparc" as never },
    "no connections": { connections: 0 },
    "a URL and a release": { url: "http://a/b", release: "nixos-25.11" },
    "an age that is none": { maxAge: "soon" },
    "a rate of nothing": { limitRate: 0 },
    "a rate that is none": { limitRate: NaN },
  })
) {
  Deno.test(`cacheKexec() refuses ${name} as a bad value`, async () => {
    const error = await assertRejects(() => cacheKexec(options, { cache: new Cache("/none") }));
    assertEquals(exitCodeOf(error), 2);
  });
}
