/** Task functions that only look, called with a signal that has fired already: they give its reason, and no answer. */
import { assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  cacheClean,
  cacheList,
  cachePrune,
  cacheSize,
  cacheVerify,
  cacheWhy,
} from "../../tasks/cache/cache.ts";
import {
  publishKeygen,
  publishPrune,
  publishRollback,
  publishVerify,
} from "../../tasks/publish/after.ts";
import { catalogList, catalogShow } from "../../tasks/publish/catalog.ts";
import { publish } from "../../tasks/publish/publish.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { plainGround } from "../support/plain_paths.ts";
import { publishVersions } from "../support/published_versions.ts";
import { isThere } from "../support/is_there.ts";

Deno.test("no task function of the cache, the catalogs and the stores answers where its signal has fired", async (t) => {
  await using ground = await plainGround(2);
  const options = await publishVersions(ground, 1);
  const catalog = options.catalog as string;
  const entry = "plain";
  const file = join(ground.dir, "key");
  const calls: Record<string, (ctx: TaskContextOptions) => Promise<unknown>> = {
    cacheSize,
    cacheList,
    cacheVerify: (ctx) => cacheVerify({}, ctx),
    cacheWhy: (ctx) => cacheWhy("plain", ctx),
    cacheClean: (ctx) => cacheClean({ names: ["kexec"] }, ctx),
    cachePrune: (ctx) => cachePrune({}, ctx),
    catalogList: (ctx) => catalogList({ catalog }, ctx),
    catalogShow: (ctx) => catalogShow({ catalog, entry }, ctx),
    publishVerify: (ctx) => publishVerify({ catalog, entry }, ctx),
    publishRollback: (ctx) => publishRollback({ catalog, name: entry }, ctx),
    publishPrune: (ctx) => publishPrune({ catalog, stores: options.stores, keep: 0 }, ctx),
    publishKeygen: (ctx) => publishKeygen({ name: "acme-1", file }, ctx),
    publish: (ctx) => publish(options, ctx),
  };
  for (const [name, call] of Object.entries(calls)) {
    await t.step(name, async () => {
      const signal = AbortSignal.abort(new Error("stopped before"));
      for (const dryRun of [false, true]) {
        await assertRejects(() => call({ ...ground.ctx, signal, dryRun }), Error, "stopped before");
      }
    });
  }
  if (await isThere(file)) throw new Error("a key was written");
});
