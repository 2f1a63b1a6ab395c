import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { basename, join, relative } from "@std/path";
import { decodeHex, encodeBase64 } from "@std/encoding";
import { sha256 } from "../../lib/base/digest.ts";
import { digestHex } from "../../lib/base/digest_text.ts";
import {
  exitCodeOf,
  KedgeError,
  UnreachableError,
  UsageError,
  VerificationError,
} from "../../lib/base/errors.ts";
import { writePending } from "../../lib/http/pending_file.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { Lockfile } from "../../lib/cache/lockfile.ts";
import { idleNames } from "../../lib/cache/refresh.ts";
import { formatNixHash } from "../../lib/nix/nix_hash.ts";
import { Journal } from "../../lib/journal/journal.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { cacheKexec, type CacheKexecOptions } from "../../tasks/kexec.ts";
import { bundleBytes, makeBundle } from "../support/bundle.ts";
import { freePort } from "../support/free_port.ts";
import { startNginx } from "../support/nginx.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { runKedge } from "../support/program.ts";
import { realTest } from "../support/real.ts";
import { treeOf } from "../support/tree.ts";

const mebibyte = 1024 * 1024;
const quick = { retry: { retries: 2, baseMs: 1, ceilingMs: 2 } };
const small = bundleBytes({ size: mebibyte });
const large = bundleBytes({ size: 24 * mebibyte });
const next = bundleBytes({ size: mebibyte, version: "2" });

interface Bench {
  origin: Origin;
  dir: string;
  /** Runs as one process would: with a cache of its own on the same folder. */
  run(options?: CacheKexecOptions, ctx?: TaskContextOptions): ReturnType<typeof cacheKexec>;
}

async function withOrigin(
  body: Uint8Array,
  test: (bench: Bench) => Promise<void>,
  path = "/bundle.tar.gz",
): Promise<void> {
  await using origin = startOrigin({ [path]: { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-kexec-" });
  const dir = join(folder, "cache");
  try {
    await test({
      origin,
      dir,
      run: async (options = {}, ctx = {}) => {
        using journal = new Journal({ path: join(dir, "journal-v1.db") });
        return await cacheKexec({ url: origin.url(path), ...quick, ...options }, {
          cache: new Cache(dir),
          journal,
          ...ctx,
        });
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function noted(): { report: (event: OperationEvent) => void; notes: string[] } {
  const notes: string[] = [];
  const report = (event: OperationEvent) => {
    if (event.type === "note") notes.push(event.message);
  };
  return { report, notes };
}

const file = (origin: Origin) => origin.files.get("/bundle.tar.gz")!;

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

Deno.test("cacheKexec() brings a large bundle in ranges over several connections", () =>
  withOrigin(large, async ({ origin, run }) => {
    const first = await run();
    assertEquals(first.digest, sha256(large));
    assertEquals(first.bytesMoved, large.length);
    assert(origin.requests.length > 3);
    assertEquals(first.requests, origin.requests.length);
    assert(origin.requests.every(({ status }) => status === 206));
    const later = origin.requests.slice(1).map(({ headers }) => headers.get("if-range"));
    assert(later.every((condition) => condition?.startsWith('"')));
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

Deno.test("cacheKexec() with refresh asks once and moves nothing when the server answers 304", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    const asked = await run({}, { refresh: "all" });
    assertEquals([asked.changed, asked.bytesMoved, asked.requests], [false, 0, 1]);
    assertStringIncludes(asked.why, "304");
    assertEquals(origin.requests.at(-1)?.status, 304);
  }));

Deno.test("cacheKexec() with refresh asks once in a run, however often it is called", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    await run();
    const cache = new Cache(dir);
    await run({}, { refresh: "all", cache });
    await run({}, { refresh: "all", cache });
    assertEquals(origin.requests.length, 2);
  }));

Deno.test("cacheKexec() refreshes by name only what is named", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    await run({}, { refresh: ["other"] });
    assertEquals(origin.requests.length, 1);
    await run({}, { refresh: [origin.url("/bundle.tar.gz")] });
    assertEquals(origin.requests.length, 2);
  }));

Deno.test("cacheKexec() refreshes by the path of what is in the cache, however it is written", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const { path } = await run();
    await run({}, { refresh: [`${path}.other`, "./b.tar.gz"] });
    assertEquals(origin.requests.length, 1);
    const linked = `${dir}-link`;
    await Deno.symlink(dir, linked);
    const paths = [path, relative(Deno.cwd(), path), join(linked, relative(dir, path))];
    for (const [index, each] of paths.entries()) {
      const refresh = [each];
      await run({}, { refresh });
      assertEquals(origin.requests.length, index + 2, each);
      assertEquals(idleNames(refresh), []);
    }
    await Deno.remove(linked);
  }));

Deno.test("cacheKexec() with refresh brings what changed and keeps the version before", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const first = await run();
    file(origin).body = next;
    assertEquals((await run()).digest, sha256(small));
    const second = await run({}, { refresh: "all" });
    assertEquals(second.digest, sha256(next));
    assertEquals(second.path, first.path);
    assertEquals(await Deno.readFile(second.path), next);
    assertEquals(await new Cache(dir).blobs.has(first.digest!), true);
  }));

Deno.test("cacheKexec() with maxAge asks again only when the entry is older", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    await run();
    const in1h = new Cache(dir, { now: () => Date.now() + 3_600_000 });
    await run({ maxAge: "2h" }, { cache: in1h });
    assertEquals(origin.requests.length, 1);
    await run({ maxAge: "30m" }, { cache: in1h });
    assertEquals(origin.requests.at(-1)?.status, 304);
    const shortly = new Cache(dir, { now: () => Date.now() + 3_610_000 });
    await run({ maxAge: "30m" }, { cache: shortly });
    assertEquals(origin.requests.length, 2);
  }));

Deno.test("cacheKexec() with maxAge origin asks again when the origin said so, also after a 304", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const at = (seconds: number) =>
      run({ maxAge: "origin" }, {
        cache: new Cache(dir, { now: () => Date.now() + seconds * 1000 }),
      });
    file(origin).headers = { "cache-control": "max-age=100" };
    await at(0);
    assertEquals((await at(90)).requests, 0);
    assertEquals((await at(110)).requests, 1);
    assertEquals((await at(200)).requests, 0);
    file(origin).headers = { "cache-control": "no-cache" };
    assertEquals((await at(220)).requests, 1);
    assertEquals((await at(221)).requests, 1);
  }));

Deno.test("cacheKexec() keeps to what the origin said with a version where its 304 says nothing of it (RFC 9111, section 3.2)", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const at = (seconds: number, staleIfError = false) =>
      run({ maxAge: "origin", staleIfError }, {
        cache: new Cache(dir, { now: () => Date.now() + seconds * 1000 }),
      });
    file(origin).headers = { "cache-control": "max-age=100, must-revalidate" };
    await at(0);
    file(origin).headers = {};
    assertEquals((await at(110)).requests, 1);
    assertEquals((await at(200)).requests, 0);
    file(origin).headers = { expires: new Date(0).toUTCString() };
    assertEquals((await at(220)).requests, 1);
    assertEquals((await at(221)).requests, 1);
    file(origin).faults = Array.from({ length: 3 }, () => ({ status: 503 }));
    await assertRejects(() => at(222, true), UnreachableError);
  }));

Deno.test("cacheKexec() does not use stale what the origin says must be asked for", () =>
  withOrigin(small, async ({ origin, run }) => {
    file(origin).headers = { "cache-control": "must-revalidate" };
    await run();
    file(origin).faults = Array.from({ length: 3 }, () => ({ status: 503 }));
    await assertRejects(() => run({ staleIfError: true }, { refresh: "all" }), UnreachableError);
  }));

Deno.test("cacheKexec() offline uses what is there and refuses what is not", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const error = await assertRejects(() => run({}, { offline: true }), UnreachableError);
    assertStringIncludes(error.hint!, "--offline");
    assertEquals(origin.requests.length, 0);
    assertEquals(await treeOf(join(dir, "blobs-v1")), new Map());
    await run();
    const result = await run({ maxAge: 0 }, { offline: true });
    assertEquals([result.changed, result.requests], [false, 0]);
    await assertRejects(() => run({}, { offline: true, refresh: "all" }), UsageError);
  }));

Deno.test("cacheKexec() offline uses what is stale, whatever it varies by (stale_request_ignores_freshness_and_vary)", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    file(origin).headers = { "cache-control": "max-age=0", vary: "Cookie" };
    await run();
    const tomorrow = new Cache(dir, { now: () => Date.now() + 86_400_000 });
    const result = await run({ maxAge: "origin" }, { offline: true, cache: tomorrow });
    assertEquals([result.changed, result.requests], [false, 0]);
    assertEquals((await run({ maxAge: "origin" })).requests, 1);
  }));

Deno.test("cacheKexec() with a pinned digest asks nobody, not even to refresh", () =>
  withOrigin(small, async ({ origin, run }) => {
    const pinned = { sha256: sha256(small) };
    await run(pinned);
    const result = await run({ ...pinned, maxAge: 0 }, { refresh: "all" });
    assertEquals([result.changed, result.requests], [false, 0]);
    assertEquals(origin.requests.length, 1);
  }));

Deno.test("cacheKexec() takes a digest in each of Nix's spellings, and finds by it what is cached", () =>
  withOrigin(small, async ({ origin, run }) => {
    const digest = sha256(small);
    const sri = `sha256-${encodeBase64(decodeHex(digestHex(digest)))}`;
    const base32 = formatNixHash(digest);
    for (const text of [sri, base32, base32.slice("sha256:".length), digestHex(digest), digest]) {
      assertEquals((await run({ sha256: text })).digest, digest);
    }
    assertEquals(origin.requests.length, 1);
    const wrong = { sha256: sri.replace(/.{3}=$/, "AAA=") };
    assertEquals(exitCodeOf(await assertRejects(() => run(wrong), VerificationError)), 3);
    const none = { sha256: sri.slice(0, -1) };
    const error = await assertRejects(() => run(none), UsageError, "behind sha256- stand");
    assertEquals(exitCodeOf(error), 2);
  }));

Deno.test("cacheKexec() refuses another digest than the pinned one and leaves the cache as it was", () =>
  withOrigin(small, async ({ run, dir }) => {
    await run();
    const tree = await treeOf(join(dir, "blobs-v1"));
    const wrong = { sha256: sha256("something else") };
    const error = await assertRejects(() => run(wrong), VerificationError, "instead of");
    assertEquals(exitCodeOf(error), 3);
    assertEquals(await treeOf(join(dir, "blobs-v1")), tree);
    assertEquals(await treeOf(join(dir, "partials-v1")), new Map([["/", ""]]));
    assertEquals((await run()).digest, sha256(small));
  }));

Deno.test("cacheKexec() takes the same bytes of another URL from the cache", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    origin.files.set("/other.tar.gz", { body: small });
    const url = origin.url("/other.tar.gz");
    const result = await run({ url, sha256: sha256(small) });
    assertEquals([result.bytesMoved, result.bytesReused, result.requests], [0, small.length, 0]);
    assertEquals(basename(result.path), "other.tar.gz");
    assertEquals(await Deno.readFile(result.path), small);
  }));

Deno.test("cacheKexec() keeps the same bytes of two URLs once, though both were fetched", () =>
  withOrigin(small, async ({ origin, run }) => {
    origin.files.set("/other.tar.gz", { body: small });
    const paths = [await run(), await run({ url: origin.url("/other.tar.gz") })];
    const [first, second] = await Promise.all(paths.map(({ path }) => Deno.stat(path)));
    assertEquals([first!.ino, first!.nlink], [second!.ino, 3]);
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

Deno.test("cacheKexec() says the status of what is not there and does not try again", () =>
  withOrigin(small, async ({ origin, run }) => {
    const error = await assertRejects(() => run({ url: origin.url("/none.tar.gz") }), KedgeError);
    assertStringIncludes(error.message, "404");
    assertEquals(exitCodeOf(error), 1);
    assertEquals(origin.requests.length, 1);
  }));

Deno.test("cacheKexec() says that an origin stayed unreachable", async () => {
  const dir = await Deno.makeTempDir();
  const url = `http://127.0.0.1:${await freePort()}/b.tar.gz`;
  const error = await assertRejects(
    () => cacheKexec({ url, ...quick }, { cache: new Cache(dir) }),
    UnreachableError,
    "tried 3 times",
  );
  assertEquals(exitCodeOf(error), 4);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("cacheKexec() goes on where a body was cut short", () =>
  withOrigin(small, async ({ origin, run }) => {
    file(origin).faults = [{ cutAfter: 300_000 }];
    const result = await run();
    assertEquals(result.digest, sha256(small));
    assertEquals(result.bytesMoved, small.length);
    assertEquals(origin.requests.map(({ status }) => status), [206, 206]);
    assert(origin.sentBytes < small.length + 600_000);
  }));

Deno.test("cacheKexec() pins the first use in the lockfile and refuses other bytes ever after", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const path = join(dir, "..", "kedge.lock");
    const lockfile = new Lockfile(path);
    await run({}, { lockfile, dryRun: true });
    assertEquals(await lockfile.pinned(`kexec ${origin.url("/bundle.tar.gz")}`), undefined);
    await run({}, { lockfile });
    const pin = await lockfile.pinned(`kexec ${origin.url("/bundle.tar.gz")}`);
    assertEquals([pin?.digest, pin?.size], [sha256(small), small.length]);

    file(origin).body = next;
    const asked = origin.requests.length;
    assertEquals((await run({}, { lockfile, refresh: "all" })).digest, sha256(small));
    assertEquals(origin.requests.length, asked);
    await Deno.remove(dir, { recursive: true });
    const error = await assertRejects(() => run({}, { lockfile }), VerificationError);
    assertStringIncludes(error.hint!, "--update");
  }));

Deno.test("cacheKexec() with an update accepts the new bytes, says what changed, and can go back", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const path = join(dir, "..", "kedge.lock");
    await run({}, { lockfile: new Lockfile(path) });
    const old = await Deno.readTextFile(path);
    file(origin).body = next;
    const notes: string[] = [];
    const moved = await run({}, {
      lockfile: new Lockfile(path, { update: ["kexec"] }),
      report: (event) => event.type === "note" && notes.push(event.message),
    });
    assertEquals(moved.digest, sha256(next));
    assertStringIncludes(notes.join(), `${sha256(small)} (${small.length} bytes`);
    assertStringIncludes(notes.join(), "kexec/bzImage changed");
    assertStringIncludes(notes.join(), "kernel 6.12.1-kedge is now 6.12.2-kedge");
    assertStringIncludes(await Deno.readTextFile(path), sha256(next));
    assertStringIncludes(moved.why, "an update was asked for");

    await Deno.writeTextFile(path, old);
    const back = await run({}, { lockfile: new Lockfile(path) });
    assertEquals([back.digest, back.bytesMoved, back.requests], [sha256(small), 0, 0]);
    assertEquals(await Deno.readFile(back.path), small);
  }));

Deno.test("cacheKexec() goes back to the version before offline too, and to no other", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    file(origin).body = next;
    await run({}, { refresh: "all" });
    const asked = origin.requests.length;
    const options = { sha256: sha256(small) };
    const foreseen = await run(options, { offline: true, dryRun: true });
    assertEquals([foreseen.digest, foreseen.bytesMoved], [sha256(small), 0]);
    const back = await run(options, { offline: true });
    assertEquals([back.digest, back.changed], [sha256(small), true]);
    assertEquals(await Deno.readFile(back.path), small);
    await assertRejects(
      () => run({ sha256: sha256("never seen") }, { offline: true }),
      UnreachableError,
      "the network is not to be used",
    );
    assertEquals(origin.requests.length, asked);
  }));

Deno.test("cacheKexec() says so where its pin cannot be written", () =>
  withOrigin(small, async ({ run, dir }) => {
    const inTheWay = join(dir, "..", "a file");
    await Deno.writeTextFile(inTheWay, "");
    const path = join(inTheWay, "kedge.lock");
    const error = await assertRejects(() => run({}, { lockfile: new Lockfile(path) }), UsageError);
    assertStringIncludes(error.message, path);
  }));

Deno.test("cacheKexec() with a frozen lockfile refuses what it does not hold", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const lockfile = new Lockfile(join(dir, "..", "kedge.lock"), { frozen: true });
    await assertRejects(() => run({}, { lockfile }), UsageError, "does not hold it");
    assertEquals(origin.requests.length, 0);
  }));

Deno.test("cacheKexec() hands out no damaged contents, not even those that are pinned", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    for (const options of [{}, { sha256: sha256(small) }]) {
      const first = await run(options);
      await Deno.chmod(first.path, 0o644);
      using blob = await Deno.open(first.path, { write: true });
      await delay(5);
      await blob.seek(5000, Deno.SeekMode.Start);
      await blob.write(new Uint8Array([1, 2, 3, 4]));
      const asked = origin.requests.length;
      const tree = await treeOf(join(dir, "blobs-v1"));
      assertEquals((await run(options, { dryRun: true })).changed, true);
      assertEquals(await treeOf(join(dir, "blobs-v1")), tree);
      const again = await run(options);
      assertEquals([again.changed, again.bytesMoved], [true, small.length]);
      assertEquals(again.why, "its contents are damaged in the cache");
      assertEquals(await Deno.readFile(again.path), small);
      assertEquals(origin.requests.length, asked + 2);
      assertEquals((await run(options)).changed, false);
    }
  }));

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

Deno.test("cacheKexec() does not believe an entry that claims to be confirmed in the future", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    await run({}, { cache: new Cache(dir, { now: () => Date.now() + 1e9 }) });
    assertEquals((await run({}, { refresh: "all" })).requests, 1);
    await run({}, { cache: new Cache(dir, { now: () => Date.now() + 1e9 }), refresh: "all" });
    assertEquals((await run({ maxAge: "1d" })).requests, 1);
    assertEquals(origin.requests.length, 4);
  }));

Deno.test("cacheKexec() refuses an empty file, and a body without a length that was cut", () =>
  withOrigin(new Uint8Array(), async ({ origin, run, dir }) => {
    await assertRejects(() => run(), VerificationError, "it is empty");
    const bundle = file(origin);
    bundle.body = small;
    bundle.ranges = "ignore";
    bundle.faults = [{ withoutLength: true, cutAfter: 500_000 }];
    await assertRejects(() => run(), VerificationError);
    assertEquals(await treeOf(join(dir, "blobs-v1")), new Map());
  }));

Deno.test("cacheKexec() plans an unknown number of bytes where the origin does not tell", () =>
  withOrigin(small, async ({ origin, run }) => {
    Object.assign(file(origin), { ranges: "ignore", faults: [{ withoutLength: true }] });
    const foreseen = await run({}, { dryRun: true });
    assertEquals([foreseen.bytesMoved, foreseen.size], [Infinity, 0]);
  }));

Deno.test("kexec tells on the command line that nobody knows how much will move", () =>
  withOrigin(small, async ({ origin, dir }) => {
    Object.assign(file(origin), { ranges: "ignore", faults: [{ withoutLength: true }] });
    const url = origin.url("/bundle.tar.gz");
    const { stderr } = await runKedge(["kexec", "--url", url, "--dry-run"], { cacheDir: dir });
    assertStringIncludes(stderr, "plan: move an unknown number of bytes, reuse 0 B, ");
  }));

Deno.test("cacheKexec() refuses a tarball without a kernel and leaves the cache as it was", () =>
  withOrigin(bundleBytes({ files: { bzImage: undefined } }), async ({ run, dir }) => {
    await assertRejects(() => run(), VerificationError, "bzImage");
    assertEquals(await treeOf(join(dir, "blobs-v1")), new Map());
    assertEquals(await treeOf(join(dir, "partials-v1")), new Map([["/", ""]]));
  }));

Deno.test("cacheKexec() goes to a mirror when the origin fails, and on with it midway when the digest is pinned", () =>
  withOrigin(large, async ({ origin, run }) => {
    await using mirror = startOrigin({ "/copy.tar.gz": { body: large, etag: '"another"' } });
    const mirrors = [mirror.url("/copy.tar.gz")];
    file(origin).faults = Array.from(
      { length: 90 },
      () => ({ atByte: 12 * mebibyte, close: true }),
    );
    const result = await run({ mirrors, sha256: sha256(large) });
    assertEquals(result.digest, sha256(large));
    assert(origin.sentBytes > 0 && mirror.sentBytes > 0);
    assert(mirror.sentBytes < large.length);
    const first = await run({ url: origin.url("/gone.tar.gz"), mirrors });
    assertEquals(first.digest, sha256(large));
  }));

Deno.test("cacheKexec() holds a release against the digest that its site publishes", () => {
  const path = "/acme/images/releases/download/v1/k.tar.gz";
  return withOrigin(small, async ({ origin, run, dir }) => {
    const api = { body: new Uint8Array() };
    const publish = (text: string) => api.body = new TextEncoder().encode(text);
    origin.files.set("/repos/acme/images/releases/tags/v1", api);
    const assets = (digest: string | null) =>
      JSON.stringify({ assets: [{ name: "k.tar.gz", digest }] });
    publish(assets(sha256(next)));
    const options = { releaseApi: origin.url("") };
    const foreseen = await run(options, { dryRun: true });
    await assertRejects(() => run(options), VerificationError, "was published for it");
    assertEquals(await treeOf(join(dir, "blobs-v1")), new Map());
    publish(assets(sha256(small)));
    const result = await run(options);
    assertEquals([result.digest, result.requests], [sha256(small), foreseen.requests]);
    assertEquals((await run(options)).requests, 0);
    for (const text of [assets(null), "{}", "not JSON"]) {
      await Deno.remove(dir, { recursive: true });
      publish(text);
      assertEquals((await run(options)).digest, sha256(small));
    }
    origin.files.delete("/repos/acme/images/releases/tags/v1");
    await Deno.remove(dir, { recursive: true });
    assertEquals((await run(options)).digest, sha256(small));
  }, path);
});

Deno.test("cacheKexec() with refresh asks the site of a release for the digest, and the file only if that is another", () => {
  const path = "/acme/images/releases/download/v1/k.tar.gz";
  const api = "/repos/acme/images/releases/tags/v1";
  return withOrigin(small, async ({ origin, run }) => {
    const publish = (body: Uint8Array) => {
      const text = JSON.stringify({ assets: [{ name: "k.tar.gz", digest: sha256(body) }] });
      origin.files.set(api, { body: new TextEncoder().encode(text) });
    };
    publish(small);
    const options = { releaseApi: origin.url("") };
    await run(options);
    origin.files.get(path)!.etag = '"of-another-node"';
    origin.requests.length = 0;
    const same = await run(options, { refresh: "all" });
    assertEquals([same.changed, same.bytesMoved, same.requests], [false, 0, 1]);
    assertStringIncludes(same.why, "its release still publishes this digest");
    assertEquals(origin.requests.map(({ path }) => path), [api]);

    publish(next);
    origin.files.get(path)!.body = next;
    const foreseen = await run(options, { refresh: "all", dryRun: true });
    const changed = await run(options, { refresh: "all" });
    assertEquals([changed.digest, changed.requests], [sha256(next), foreseen.requests]);
    assertEquals(changed.requests, 2);

    origin.files.delete(api);
    const unreachable = await run(options, { refresh: "all" });
    assertEquals([unreachable.digest, unreachable.changed], [sha256(next), false]);
    assertEquals(origin.requests.at(-1)?.status, 304);
  }, path);
});

Deno.test("cacheKexec() says that its release publishes another digest than the origin's, and asks again next time", () => {
  const path = "/acme/images/releases/download/v1/k.tar.gz";
  return withOrigin(small, async ({ origin, run, dir }) => {
    const text = JSON.stringify({ assets: [{ name: "k.tar.gz", digest: sha256(next) }] });
    const options = { releaseApi: origin.url(""), maxAge: "30m" };
    await run({ ...options, releaseApi: false });
    origin.files.set("/repos/acme/images/releases/tags/v1", {
      body: new TextEncoder().encode(text),
    });
    const { report, notes } = noted();
    const in1h = new Cache(dir, { now: () => Date.now() + 3_600_000 });
    const doubted = await run(options, { report, cache: in1h });
    assertEquals([doubted.digest, doubted.changed], [sha256(small), false]);
    assertEquals(notes, [
      `${origin.url(path)} is unchanged, says its origin, but ${sha256(next)} was published ` +
      "for it; asking again next time",
    ]);
    const shortly = new Cache(dir, { now: () => Date.now() + 3_610_000 });
    assertEquals((await run(options, { cache: shortly })).requests, 2);
  }, path);
});

for (
  const { what, answer, idleTimeoutMs, state } of [
    {
      what: "does not answer",
      answer: { delayMs: 60_000 },
      idleTimeoutMs: 1000,
      state: "no answer within 1000 ms",
    },
    {
      what: "stops midway",
      answer: { stallAfter: 3 },
      idleTimeoutMs: 1000,
      state: "no answer within 1000 ms",
    },
    {
      what: "answers with a page",
      answer: {},
      idleTimeoutMs: 30_000,
      state: "the answer is not of a release",
    },
  ]
) {
  Deno.test(`cacheKexec() goes on without the site of a release that ${what}`, () => {
    const path = "/acme/images/releases/download/v1/k.tar.gz";
    const api = "/repos/acme/images/releases/tags/v1";
    return withOrigin(small, async ({ origin, run }) => {
      const body = new TextEncoder().encode("<html>\n");
      origin.files.set(api, { body, faults: Array(3).fill(answer) });
      const { report, notes } = noted();
      const options = { releaseApi: origin.url(""), idleTimeoutMs };
      assertEquals((await run(options, { report })).digest, sha256(small));
      assertEquals(notes.filter((note) => note.startsWith("nobody")), [
        "nobody vouches for the contents: Cannot ask for the digests of the release " +
        `${origin.url(api)}: ${state}`,
      ]);
    }, path);
  });
}

Deno.test("cacheKexec() with limitRate keeps to it over all connections, redirects and retries included", () =>
  withOrigin(large, async ({ origin, run }) => {
    file(origin).signedUses = 1000;
    file(origin).faults = [{}, { cutAfter: 100_000 }];
    const started = performance.now();
    const result = await run({ limitRate: 16 * mebibyte, connections: 8 });
    assert(performance.now() - started >= 1490);
    assertEquals(result.digest, sha256(large));
    assert(origin.requests.filter(({ status }) => status === 206).length > 3);
  }));

Deno.test("cacheKexec() sends its headers to the origin and none of them to a mirror", () =>
  withOrigin(small, async ({ origin, run }) => {
    await using mirror = startOrigin({ "/m.tar.gz": { body: small } });
    file(origin).faults = [{ status: 404 }];
    await run({ headers: { authorization: "Bearer t" }, mirrors: [mirror.url("/m.tar.gz")] });
    assertEquals(origin.requests[0]!.headers.get("authorization"), "Bearer t");
    assertEquals(mirror.requests[0]!.headers.get("authorization"), null);
  }));

Deno.test("cacheKexec() uses what it has when asking again fails, if that is wanted", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    file(origin).faults = Array.from({ length: 6 }, () => ({ status: 503 }));
    await assertRejects(() => run({}, { refresh: "all" }), UnreachableError);
    const result = await run({ staleIfError: true }, { refresh: "all" });
    assertEquals([result.changed, result.digest], [false, sha256(small)]);
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

Deno.test("cacheKexec() keeps user, password and query of a URL out of results, events and cache", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const url = origin.url("/bundle.tar.gz?token=s3cr3t").replace("//", "//user:pa55@");
    const events: OperationEvent[] = [];
    const result = await run({ url }, { report: (event) => events.push(event) });
    const seen = JSON.stringify([result, events]) + [...await treeOf(dir)].join("\n");
    assert(!/s3cr3t|pa55/.test(seen));
    assertEquals((await run({ url })).changed, false);
  }));

realTest(
  "cacheKexec() brings 64 MiB from nginx and asks it for a 304 later",
  ["nginx"],
  async () => {
    const folder = await Deno.makeTempDir();
    const made = await makeBundle(join(folder, "k.tar.gz"), { size: 64 * mebibyte });
    await using nginx = await startNginx({ root: folder });
    const url = `${nginx.url}/k.tar.gz`;
    const dir = join(folder, "cache");
    const first = await cacheKexec({ url }, { cache: new Cache(dir) });
    assertEquals([first.digest, first.size, first.bytesMoved], [made.digest, made.size, made.size]);
    const warm = await cacheKexec({ url }, { cache: new Cache(dir) });
    assertEquals([warm.changed, warm.requests], [false, 0]);
    const asked = await cacheKexec({ url }, { cache: new Cache(dir), refresh: "all" });
    assertEquals([asked.changed, asked.requests], [false, 1]);
    const log = await nginx.requests();
    assertEquals(log.length, first.requests + 1);
    assertEquals(log.at(-1)?.status, 304);
    await Deno.remove(folder, { recursive: true });
  },
);
