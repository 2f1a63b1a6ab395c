/**
 * One process of the torture: it downloads, unpacks, persists, prunes and cleans at random until somebody kills it. It tells on standard output
 * that it begins, by an empty line, and of each entry that it wrote, after the write.
 *
 * Arguments: cache folder, origin URL, seed, `lying` or `honest`, and `cleaning` where the whole cache may be cleaned too.
 *
 * @module
 */
import * as v from "valibot";
import { ExitCode, exitCodeOf, KedgeError } from "../../lib/base/errors.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { cleanCache } from "../../lib/cache/clean.ts";
import { pruneCache } from "../../lib/cache/prune.ts";
import { cacheKexec } from "../../tasks/kexec/kexec.ts";
import { lyingLocks } from "./lying_locks.ts";

const [dir = "", url = "", seed = "1", locks = "honest", cleaning = ""] = Deno.args;

if (locks === "lying") await lyingLocks();

let state = Number(seed) | 1;
function random(below: number): number {
  state = Math.imul(state, 1664525) + 1013904223 | 0;
  return (state >>> 8) % below;
}

/** What a lock that lies lets another clean away, its writer misses: that must be an error, and may be no more than that. */
const mayVanish = locks === "lying" && cleaning === "cleaning";

const schema = v.looseObject({ text: v.string() });
const quick = { retry: { retries: 1, baseMs: 1, ceilingMs: 5 } };
const encoder = new TextEncoder();

async function download(): Promise<void> {
  const path = `/k${random(3)}.tar.gz`;
  const ctx = {
    cache: new Cache(dir),
    refresh: random(2) === 0 ? "all" as const : "none" as const,
  };
  await cacheKexec({ url: url + path, unpack: random(2) === 0, ...quick }, ctx);
}

async function write(cache: Cache): Promise<void> {
  const key = `entry ${random(40)}`;
  // Some contents come again, and are written while they are pruned.
  const version = random(2) === 0 ? random(3) : `${Deno.pid} ${random(1e6)}`;
  const text = `${key} ${version} `.repeat(1000);
  using _use = await cache.use();
  const blob = await cache.blobs.persist(new Blob([text]).stream());
  await cache.entry(buckets.oci, key, schema).write({ text }, {
    refs: [blob.digest],
    by: "driver",
  });
  Deno.stdout.writeSync(encoder.encode(`${key}\n`));
}

async function remove(cache: Cache): Promise<void> {
  const key = `disposable ${random(5)}`;
  {
    using _use = await cache.use();
    const blob = await cache.blobs.persist(new Blob([key]).stream());
    await cache.entry(buckets.nars, key, schema).write({ text: key }, { refs: [blob.digest] });
  }
  await cleanCache(cache, { names: [key], force: true });
}

/** Whether something is gone: what a download writes to, or what it fetched before it could be unpacked. */
function isGone(error: unknown): boolean {
  if (error instanceof Deno.errors.NotFound) return true;
  if (!(error instanceof KedgeError)) return false;
  return /(gone from the cache|removed (meanwhile|at once))$/.test(error.message);
}

Deno.stdout.writeSync(encoder.encode("\n"));
for (;;) {
  const cache = new Cache(dir, { lockTimeoutMs: 2000 });
  try {
    const dice = random(10);
    if (cleaning === "cleaning" && random(4) === 0) {
      await cleanCache(cache, { force: locks === "lying" });
    } else if (dice < 3) await download();
    else if (dice < 7) await write(cache);
    else if (dice < 9) await pruneCache(cache, { policy: { graceMs: random(2) * 3_600_000 } });
    else await remove(cache);
  } catch (error) {
    const code = exitCodeOf(error);
    if (mayVanish && isGone(error)) continue;
    if (code !== ExitCode.timedOut && code !== ExitCode.noRoom) throw error;
  }
}
