/** Stores that go wrong in every way that is known: nothing is committed, and the message names store, path and next step. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { IncompleteError } from "../../../lib/base/errors.ts";
import type { KedgeError } from "../../../lib/base/errors.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { formatNarInfo, parseNarInfo } from "../../../lib/nix/nar/nar_info.ts";
import { publish, type PublishOptions } from "../../../tasks/publish/publish.ts";
import { type CacheFault, FaultyCache } from "../../support/binary_cache.ts";
import { CountingJournal } from "../../support/counting_journal.ts";
import { type PlainGround, plainGround } from "../../support/plain_paths.ts";

async function committed(ground: PlainGround): Promise<number> {
  await using catalog = new SqliteCatalog({ path: join(ground.dir, "catalog.db") });
  return (await catalog.list()).length;
}

/** Publishes to a good and a bad store; gives the error, after nothing was committed and a mended store was published to. */
async function faulty(
  fault: CacheFault,
  more: Partial<PublishOptions> = {},
): Promise<{ error: KedgeError; url: string }> {
  await using bad = new FaultyCache();
  await using good = new FaultyCache();
  await using ground = await plainGround(6, 300_000);
  bad.fault = fault;
  const options = { ...ground.options, stores: [good.url, bad.url], ...more };
  const error = await assertRejects(() => publish(options, ground.ctx)) as KedgeError;
  assertEquals(await committed(ground), 0);
  assertStringIncludes(error.message, bad.url);
  // The path, or what concerns all of them.
  assertMatch(error.message, /-file-\d|nix-cache-info|it is a cache of/);
  assert(error.hint !== undefined);
  bad.fault = () => undefined;
  const mended = await publish(options, ground.ctx);
  assertEquals(mended.changed, true);
  assertEquals(await committed(ground), 1);
  assertEquals(bad.count("PUT", /^nar/) >= 6, true);
  return { error, url: bad.url };
}

const status = (code: number) => new Response("no", { status: code });

Deno.test("a store that dies midway", async () => {
  let puts = 0;
  const { error } = await faulty(({ method }) =>
    method === "PUT" && ++puts > 4 ? status(502) : undefined
  );
  assertEquals(error.exitCode, 6);
  assertStringIncludes(error.message, "502");
});

Deno.test("a store that answers 500 for one path for ever", async () => {
  let victim: string | undefined;
  const { error } = await faulty(({ method, key }) => {
    if (method !== "PUT" || !key.startsWith("nar/")) return undefined;
    victim ??= key;
    return key === victim ? status(500) : undefined;
  });
  assertEquals(error.exitCode, 6);
  // The path, or what concerns all of them.
  assertMatch(error.message, /-file-\d|nix-cache-info|it is a cache of/);
  assertEquals((error.data["paths"] as string[]).length, 1);
});

Deno.test("a store that accepts and forgets", async () => {
  const { error } = await faulty(({ method, key }) =>
    method === "PUT" && key.startsWith("nar/") ? "forget" : undefined
  );
  assertEquals(error.exitCode, 6);
  assertStringIncludes(error.message, "is not there");
  assertStringIncludes(error.hint!, "publish again");
});

Deno.test("a store that cuts the body of a NAR", async () => {
  const { error } = await faulty(({ method, key }) =>
    method === "PUT" && key.startsWith("nar/") ? "cut" : undefined
  );
  assertEquals(error.exitCode, 3);
  assertStringIncludes(error.message, "bytes instead of");
});

Deno.test("a store that cuts narinfos", async () => {
  const { error } = await faulty(({ method, key }) =>
    method === "PUT" && key.endsWith(".narinfo") ? "cut" : undefined
  );
  assertEquals(error.exitCode, 3);
});

Deno.test("a store that changes a byte of a NAR is found by the full proof", async () => {
  const { error } = await faulty(({ method, key }, objects) => {
    const bytes = objects.get(key);
    if (method === "GET" && key.startsWith("nar/") && bytes !== undefined) {
      const changed = bytes.slice();
      changed[1000]! ^= 1;
      return new Response(changed);
    }
    return undefined;
  }, { verify: "full", compression: "none" });
  assertEquals(error.exitCode, 3);
  assertStringIncludes(error.message, "holds sha256:");
});

Deno.test("a byte that changed since it was published is found by the full proof, not by the short one", async () => {
  await using bad = new FaultyCache();
  await using good = new FaultyCache();
  await using ground = await plainGround(3, 5000);
  const options = { ...ground.options, stores: [good.url, bad.url] };
  await publish(options, ground.ctx);
  const full = { ...options, verify: "full" } as const;
  bad.requests.length = 0;
  const whole = await publish(full, ground.ctx);
  assertEquals([whole.changed, whole.bytesMoved, bad.count("GET", /^nar/)], [false, 0, 3]);
  assert(whole.stores.every(({ provenAt }) => provenAt !== undefined));
  const [key, bytes] = [...bad.objects].find(([key]) => key.startsWith("nar/"))!;
  bad.objects.set(key, bytes.with(bytes.length - 20, bytes.at(-20)! ^ 1));
  assertEquals((await publish(options, ground.ctx)).changed, false);
  for (const dryRun of [true, false]) {
    const error = await assertRejects(() => publish(full, { ...ground.ctx, dryRun })) as KedgeError;
    assertEquals(error.exitCode, 3);
    for (const word of [bad.url, key, "-file-"]) assertStringIncludes(error.message, word);
    assertStringIncludes(error.hint!, "publish:verify --repair");
  }
});

Deno.test("the journal tells which store was proven and which was not", async () => {
  await using bad = new FaultyCache();
  await using good = new FaultyCache();
  await using ground = await plainGround(3);
  bad.fault = ({ method, key }) =>
    method === "PUT" && key.startsWith("nar/") ? "forget" : undefined;
  const journal = new CountingJournal(join(ground.dir, "journal.db"));
  const options = { ...ground.options, stores: [good.url, bad.url] };
  await assertRejects(
    () => publish(options, { ...ground.ctx, journal }),
    IncompleteError,
    "is not there",
  );
  const outcomes = (url: string) => journal.lines.filter(({ object }) => object === url);
  assertEquals(outcomes(good.url).map(({ state }) => state), ["proving", "proven"]);
  assertEquals(outcomes(bad.url).map(({ state }) => state), ["proving", "not proven"]);
  const { failures, path, message } = outcomes(bad.url)[1]!.detail;
  assertEquals(failures, 3);
  assertMatch(String(path), /-file-\d$/);
  assertStringIncludes(String(message), "is not there");
});

Deno.test("a store that serves somebody else's narinfo", async () => {
  const { error } = await faulty(({ method, key }, objects) => {
    if (method !== "GET" || !key.endsWith(".narinfo")) return undefined;
    const other = [...objects].find(([name]) => name.endsWith(".narinfo") && name !== key)?.[1];
    return other === undefined ? undefined : new Response(other);
  });
  assertEquals(error.exitCode, 3);
  assertStringIncludes(error.message, "StorePath is");
});

Deno.test("a store that serves stale narinfos", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(2);
  const options = { ...ground.options, stores: [cache.url] };
  await publish({ ...options, compression: "xz" }, ground.ctx);
  const old = new Map(cache.objects);
  for (const key of cache.objects.keys()) if (key.startsWith("nar/")) cache.objects.delete(key);
  cache.fault = ({ method, key }) =>
    method === "GET" && key.endsWith(".narinfo") ? new Response(old.get(key)!) : undefined;
  const error = await assertRejects(() => publish(options, ground.ctx)) as KedgeError;
  assertEquals(error.exitCode, 3);
  assertStringIncludes(error.message, "is not the one that was published: url is");
  assertStringIncludes(error.hint!, "an old copy may be served");
});

Deno.test("a store whose reading side lags behind is waited for", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(3);
  const unseen = new Set<string>();
  cache.fault = ({ method, key }) => {
    if (method === "PUT" && key.endsWith(".narinfo")) unseen.add(key);
    return method === "GET" && unseen.delete(key) ? status(404) : undefined;
  };
  const options = { ...ground.options, stores: [cache.url] };
  const notes: string[] = [];
  const report = (event: { type: string; message?: string }) => {
    if (event.type === "note") notes.push(event.message!);
  };
  await publish({ ...options, propagationMs: 10_000 }, { ...ground.ctx, report });
  assert(notes.some((note) => note.includes("3 of 3 paths are not yet seen")));
});

Deno.test("a reading URL that never shows what was written", async () => {
  await using cache = new FaultyCache();
  await using elsewhere = new FaultyCache();
  await using ground = await plainGround(3);
  const stores = [`${cache.url}?read=${elsewhere.url}`];
  const options = { ...ground.options, stores, propagationMs: 100 };
  const error = await assertRejects(() => publish(options, ground.ctx)) as KedgeError;
  assertEquals(error.exitCode, 6);
  assertStringIncludes(error.message, `its narinfo is not there at ${elsewhere.url}`);
  for (const cause of ["the reading URL may be wrong", "may lag behind", "may not be allowed"]) {
    assertStringIncludes(error.hint!, cause);
  }
});

Deno.test("a store that loses a NAR between two runs", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(3);
  const options = { ...ground.options, stores: [cache.url] };
  await publish(options, ground.ctx);
  cache.objects.delete([...cache.objects.keys()].find((key) => key.startsWith("nar/"))!);
  const mended = await publish(options, ground.ctx);
  assertStringIncludes(mended.why, "lacks 1 of 3 paths (its NAR is lost)");
  assertEquals((await publish(options, ground.ctx)).changed, false);
});

Deno.test("a store that is read-only", async () => {
  const { error } = await faulty(({ method }) => method === "PUT" ? status(405) : undefined);
  assertEquals(error.exitCode, 6);
  assertStringIncludes(error.message, "405");
  assertStringIncludes(error.hint!, "is writing allowed there?");
});

Deno.test("a store that is full", async () => {
  const { error } = await faulty(({ method, key }) =>
    method === "PUT" && key.startsWith("nar/") ? status(507) : undefined
  );
  assertEquals(error.exitCode, 8);
  assertStringIncludes(error.hint!, "make room there");
});

Deno.test("a store that wants a login", async () => {
  const { error } = await faulty(({ method }) => method === "PUT" ? status(401) : undefined);
  assertEquals(error.exitCode, 5);
  assertStringIncludes(error.message, "401");
});

Deno.test("a store that takes nothing for a while is given up", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(1, 3_000_000);
  const answers = Promise.withResolvers<undefined>();
  cache.fault = ({ method, key }) =>
    method === "PUT" && key.startsWith("nar/") ? answers.promise : undefined;
  const options = { ...ground.options, stores: [cache.url], stallMs: 500, retry: { retries: 0 } };
  await assertRejects(() => publish(options, ground.ctx), IncompleteError);
  answers.resolve(undefined);
});

Deno.test("a store that is a web page", async () => {
  const { error } = await faulty(({ method }) =>
    method === "GET" ? new Response("<!doctype html><title>Welcome</title>") : undefined
  );
  assertEquals(error.exitCode, 3);
  assertStringIncludes(error.message, "names no StoreDir");
});

Deno.test("a store of another store folder", async () => {
  const { error } = await faulty(({ key }) =>
    key === "nix-cache-info" ? new Response("StoreDir: /gnu/store\n") : undefined
  );
  assertEquals(error.exitCode, 3);
  assertStringIncludes(error.message, "it is a cache of /gnu/store");
});

Deno.test("a store that holds another build of a path keeps it, unless it is to be replaced", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(1);
  const options = { ...ground.options, stores: [cache.url], proofMaxAgeMs: 0 };
  await publish(options, ground.ctx);
  const key = [...cache.objects.keys()].find((each) => each.endsWith(".narinfo"))!;
  const info = parseNarInfo(new TextDecoder().decode(cache.objects.get(key)));
  const other = formatNarInfo({ ...info, narSize: info.narSize + 8 });
  cache.objects.set(key, new TextEncoder().encode(other));
  const error = await assertRejects(() => publish(options, ground.ctx)) as KedgeError;
  assertEquals(error.exitCode, 3);
  assertStringIncludes(error.message, "it holds another build of it (NarSize is");
  assertStringIncludes(error.hint!, "--replace");
  assertEquals((await publish({ ...options, replace: true }, ground.ctx)).changed, true);
  assertEquals((await publish(options, ground.ctx)).changed, false);
});
