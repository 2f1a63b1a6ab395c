/** What an origin says of a cached bundle when it is asked again, and what of it is believed. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { NoRoomError, UnreachableError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import {
  cacheKexec,
  type CacheKexecOptions,
  type CacheKexecResult,
} from "../../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../../support/bundle.ts";
import {
  type Origin,
  type OriginFault,
  type OriginFile,
  startOrigin,
} from "../../support/origin.ts";

const path = "/k.tar.gz";
const old = bundleBytes();
const newer = bundleBytes({ version: "2" });

async function withOrigin(
  file: Omit<OriginFile, "body">,
  test: (ground: {
    origin: Origin;
    run: (
      options?: CacheKexecOptions,
      how?: { refresh?: "all"; inMs?: number; report?: TaskContextOptions["report"] },
    ) => Promise<CacheKexecResult>;
  }) => Promise<void>,
): Promise<void> {
  await using origin = startOrigin({ [path]: { body: old, ...file } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  const retry = { retries: 1, baseMs: 1, ceilingMs: 2 };
  try {
    await test({
      origin,
      run: (options = {}, { refresh = undefined, inMs = 0, report = () => {} } = {}) => {
        const cache = new Cache(join(folder, "cache"), { now: () => Date.now() + inMs });
        const ctx = { cache, report, ...(refresh === undefined ? {} : { refresh }) };
        return cacheKexec({ url: origin.url(path), retry, ...options }, ctx);
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("cacheKexec() does not believe a 304 that is said of another version", () =>
  withOrigin({}, async ({ origin, run }) => {
    await run();
    origin.files.set(path, {
      body: newer,
      etag: '"new"',
      faults: [{ status: 304, headers: { etag: '"new"' } }],
    });
    const refreshed = await run({}, { refresh: "all" });
    assertEquals(refreshed.digest, sha256(newer));
    assertEquals(await Deno.readFile(refreshed.path), newer);
    assertEquals(origin.requests.map(({ status }) => status), [206, 304, 206]);
    assertEquals((await run({}, { refresh: "all" })).changed, false);
  }));

Deno.test("cacheKexec() believes no 304 of another version that comes unasked too", () =>
  withOrigin({}, async ({ origin, run }) => {
    const first = await run();
    const lie = { status: 304, headers: { etag: '"new"' } };
    origin.files.get(path)!.faults = [lie, lie];
    await assertRejects(
      () => run({}, { refresh: "all" }),
      UnreachableError,
      "304 to a request without a condition",
    );
    assertEquals((await run({}, { refresh: "all" })).digest, first.digest);
    assertEquals(origin.requests.map(({ status }) => status), [206, 304, 304, 304]);
  }));

Deno.test("cacheKexec() asks again with the ETag that it knows after a 304 without one", () =>
  withOrigin({}, async ({ origin, run }) => {
    await run();
    origin.files.get(path)!.faults = [{ status: 304, headers: { etag: "" } }];
    for (let time = 0; time < 2; time++) {
      assertEquals((await run({}, { refresh: "all" })).changed, false);
    }
    assertEquals(origin.requests.map(({ status }) => status), [206, 304, 304]);
    assertEquals(origin.sentBytes, old.length);
  }));

Deno.test("cacheKexec() of a server that answers 304 unasked says so, and keeps nothing", () =>
  withOrigin({}, async ({ origin, run }) => {
    for (const options of [{}, { sha256: sha256(old) }]) {
      origin.files.get(path)!.faults = [{ status: 304 }];
      await assertRejects(
        () => run(options),
        UnreachableError,
        "304 to a request without a condition",
      );
    }
    assertEquals((await run()).digest, sha256(old));
  }));

Deno.test("cacheKexec() goes to the next mirror of a server, or a mirror, that answers 304 unasked", () =>
  withOrigin({}, async ({ origin, run }) => {
    await using mirror = startOrigin({
      "/lies.tar.gz": { body: old },
      "/copy.tar.gz": { body: old },
    });
    const mirrors = [mirror.url("/lies.tar.gz"), mirror.url("/copy.tar.gz")];
    for (const options of [{}, { sha256: sha256(newer) }]) {
      origin.files.get(path)!.faults = [{ status: 304 }];
      mirror.files.get("/lies.tar.gz")!.faults = [{ status: 304, headers: { etag: '"a"' } }];
      mirror.files.get("/copy.tar.gz")!.body = options.sha256 === undefined ? old : newer;
      const { digest } = await run({ ...options, mirrors });
      assertEquals(digest, options.sha256 ?? sha256(old));
    }
    assertEquals(mirror.requests.map(({ status }) => status), [304, 206, 304, 206]);
  }));

Deno.test("cacheKexec() believes no 304 where it had no validator to ask with", () =>
  withOrigin({ etag: null }, async ({ origin, run }) => {
    await run();
    origin.files.get(path)!.faults = [{ status: 304 }];
    await assertRejects(
      () => run({}, { refresh: "all" }),
      UnreachableError,
      "304 to a request without a condition",
    );
    assertEquals((await run({ staleIfError: true })).digest, sha256(old));
  }));

const MiB = 1024 * 1024;

for (
  const [what, faults] of [
    ["changed, and then is unchanged unasked", [
      { status: 416, atByte: 8 * MiB },
      { status: 304, atByte: 0 },
    ]],
    ["is gone midway", [{ status: 404, atByte: 8 * MiB }]],
    ["is forbidden midway", [{ status: 403, atByte: 8 * MiB }]],
    ["is unchanged midway", [{ status: 304, atByte: 8 * MiB }]],
  ] as [string, OriginFault[]][]
) {
  Deno.test(`cacheKexec() goes on with the next mirror of an object that ${what}`, () =>
    withOrigin({}, async ({ origin, run }) => {
      const body = bundleBytes({ size: 20 * MiB });
      await using mirror = startOrigin({ "/copy.tar.gz": { body } });
      // The first answer is as it should be.
      origin.files.set(path, { body, faults: [{ atByte: 0 }, ...faults] });
      const { digest } = await run({ mirrors: [mirror.url("/copy.tar.gz")] });
      assertEquals(digest, sha256(body));
      assertEquals(origin.files.get(path)!.faults, []);
      assert(mirror.requests.length > 0);
    }));
}

Deno.test("cacheKexec() counts what a mirror goes on with once, and what it brings anew with its own bytes", () =>
  withOrigin({}, async ({ origin, run }) => {
    for (const isPinned of [true, false]) {
      const body = bundleBytes({ size: 20 * MiB, version: String(isPinned) });
      await using mirror = startOrigin({ "/copy.tar.gz": { body } });
      origin.files.set(path, { body, faults: [{ atByte: 0 }, { status: 404, atByte: 8 * MiB }] });
      const ends: number[] = [];
      const report: TaskContextOptions["report"] = (event) => {
        if (event.type === "object-end") ends.push(event.bytesMoved + event.bytesReused);
      };
      const mirrors = [mirror.url("/copy.tar.gz")];
      const digest = isPinned ? { sha256: sha256(body) } : {};
      const { bytesReused } = await run({ ...digest, mirrors }, { report, refresh: "all" });
      assertEquals([ends, bytesReused], [[body.length], 0]);
    }
  }));

Deno.test("cacheKexec() finds no room for a bundle that claims to be larger than any disk, and leaves nothing", () =>
  withOrigin({}, async ({ origin, run }) => {
    origin.files.get(path)!.faults = [{
      status: 206,
      headers: { etag: '"a"', "content-range": `bytes 0-8388607/${10 ** 15}` },
      body: new Uint8Array(8 * MiB),
    }];
    await assertRejects(() => run(), NoRoomError, "only");
    assertEquals((await run()).digest, sha256(old));
  }));

const minuteMs = 60_000;
const since = (ms: number) => new Date(Date.now() - ms).toUTCString();

for (
  const [what, headers, asked] of [
    ["Vary: *", { "cache-control": "max-age=3600", vary: "*" }, true],
    ["an Age beyond its time", { "cache-control": "max-age=3600", age: "3601" }, true],
    ["a Date long ago and no Age", { "cache-control": "max-age=3600", date: since(7.2e6) }, true],
    ["no Date", { "cache-control": "max-age=3600", date: "" }, false],
    ["a weak ETag and time left", { "cache-control": "max-age=3600", etag: 'W/"a"' }, false],
    ["no word of it", { "last-modified": "" }, true],
  ] as [string, Record<string, string>, boolean][]
) {
  Deno.test(`cacheKexec() that heeds the origin ${asked ? "asks" : "does not ask"} again after a minute of an answer with ${what}`, () =>
    withOrigin({ headers }, async ({ origin, run }) => {
      await run();
      const later = await run({ maxAge: "origin" }, { inMs: minuteMs });
      assertEquals([later.digest, origin.requests.length > 1], [sha256(old), asked]);
    }));
}
