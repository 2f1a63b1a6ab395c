/** What a prune may not take yet, and what another prune beside it is about to take, goes in a later one. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import {
  intendPrune,
  planPrune,
  pruneFileCache,
} from "../../../lib/nix/stores/prune_file_cache.ts";
import { publishPrune } from "../../../tasks/publish/after.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { isThere } from "../../support/is_there.ts";
import { namesIn, publishVersions } from "../../support/published_versions.ts";

const { signal } = new AbortController();
const none = () => Promise.resolve(new Set<string>());

Deno.test("publishPrune() takes later what a publish that was killed had pinned", async () => {
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2);
  const store = join(ground.dir, "store");
  const options = { catalog: catalog as string, stores: [`file://${store}`], keep: 0 };
  const pin = join(store, ".kedge", "pins", "killed.json");
  const paths = (await namesIn(store, ".narinfo")).map((name) => [name.slice(0, 32), "sha256:x"]);
  await Deno.writeTextFile(pin, JSON.stringify({ paths }));
  const first = await publishPrune(options, ground.ctx);
  assertEquals([first.forgotten.length, first.stores[0]?.paths], [1, 0]);
  await Deno.utime(pin, 1, 1);
  assertEquals((await publishPrune(options, ground.ctx)).stores[0]?.paths, 1);
  assertEquals(await namesIn(join(store, ".kedge", "prunes"), ""), []);
  assertEquals((await publishPrune(options, ground.ctx)).changed, false);
});

Deno.test("pruneFileCache() leaves what a prune beside it is about to delete to the next one, also if that is killed", async () => {
  await using ground = await plainGround(3);
  await publishVersions(ground, 2);
  const store = join(ground.dir, "store");
  const [own, killed] = (await namesIn(store, ".narinfo")).map((name) => name.slice(0, 32));
  const intent = await intendPrune(store, [own!]);
  await intendPrune(store, [killed!]);
  const done = await pruneFileCache(store, { hashParts: [own!] }, intent, none, signal);
  assertEquals(done.paths, 1);
  const left = await planPrune(store, new Set(), new Set());
  assertEquals(left.hashParts, [killed!]);
  await pruneFileCache(store, left, await intendPrune(store, left.hashParts), none, signal);
  assertEquals(await namesIn(join(store, ".kedge", "prunes"), ""), []);
});

Deno.test("publishPrune() goes on with a prune that was killed while all prunes wrote to one file", async () => {
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2);
  const store = join(ground.dir, "store");
  const options = { catalog: catalog as string, stores: [`file://${store}`], keep: 0 };
  const hashParts = (await namesIn(store, ".narinfo")).map((name) => name.slice(0, 32));
  const { forgotten } = await publishPrune({ ...options, stores: [] }, ground.ctx);
  assertEquals(forgotten.length, 1);
  const note = join(store, ".kedge", "prune.json");
  await Deno.writeTextFile(note, JSON.stringify([...hashParts, "../../outside"]));
  // What the current version needs is named there too, and stays.
  const plan = await publishPrune(options, { ...ground.ctx, dryRun: true });
  assertEquals([plan.stores[0]?.paths, await isThere(note)], [1, true]);
  assertEquals((await publishPrune(options, ground.ctx)).stores[0]?.paths, 1);
  assertEquals((await namesIn(store, ".narinfo")).length, 2);
});
