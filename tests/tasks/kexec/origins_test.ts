import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import {
  exitCodeOf,
  KedgeError,
  UnreachableError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { makeBundle } from "../../support/bundle.ts";
import { file, large, mebibyte, quick, small, withOrigin } from "../../support/kexec_origin.ts";
import { freePort } from "../../support/free_port.ts";
import { startNginx } from "../../support/nginx.ts";
import { startOrigin } from "../../support/origin.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { treeOf } from "../../support/tree.ts";

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
