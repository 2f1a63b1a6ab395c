/** Prunes of one store side by side: what one gives its name back while the other deletes it goes in a later one. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import {
  intendPrune,
  planPrune,
  pruneFileCache,
} from "../../../../lib/nix/stores/prune_file_cache.ts";
import { plainGround } from "../../../support/plain_paths.ts";
import { namesIn, publishVersions } from "../../../support/published_versions.ts";

const { signal } = new AbortController();
const none: ReadonlySet<string> = new Set();

Deno.test("pruneFileCache() keeps its note while a prune beside it has given back what is in it", async () => {
  await using ground = await plainGround(3);
  await publishVersions(ground, 2);
  const store = join(ground.dir, "store");
  const notes = () => namesIn(join(store, ".kedge", "prunes"), "");
  const [hashPart] = (await namesIn(store, ".narinfo")).map((name) => name.slice(0, 32));
  const name = `${hashPart}.narinfo`;
  const intent = await intendPrune(store, [hashPart!]);
  const giveBack = async () => {
    await Deno.rename(join(store, ".kedge", "pruned", name), join(store, name));
    return none;
  };
  const plan = { hashParts: [hashPart!] };
  assertEquals((await pruneFileCache(store, plan, intent, giveBack, signal)).paths, 0);
  assertEquals((await notes()).length, 1);
  const left = await planPrune(store, none, none);
  assertEquals(left.hashParts, [hashPart!]);
  const later = await intendPrune(store, left.hashParts);
  await pruneFileCache(store, left, later, () => Promise.resolve(none), signal);
  assertEquals(await notes(), []);
});

Deno.test("pruneFileCache() removes its note where all that is there of it has become live", async () => {
  await using ground = await plainGround(3);
  await publishVersions(ground, 2);
  const store = join(ground.dir, "store");
  const [hashPart] = (await namesIn(store, ".narinfo")).map((name) => name.slice(0, 32));
  const intent = await intendPrune(store, [hashPart!]);
  const live = () => Promise.resolve(new Set([hashPart!]));
  const { paths } = await pruneFileCache(store, { hashParts: [hashPart!] }, intent, live, signal);
  assertEquals(paths, 0);
  assertEquals(await namesIn(join(store, ".kedge", "prunes"), ""), []);
});
