/** Publishes of an entry to a further store that has all of it already. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import type { Catalog } from "../../../lib/catalog/catalog.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { readPublishers } from "../../../lib/nix/stores/publishers.ts";
import { publishPrune } from "../../../tasks/publish/after.ts";
import { catalogShow } from "../../../tasks/publish/catalog.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { publishVersions } from "../../support/published_versions.ts";

Deno.test("publish() to a further store that has all of it names the store in the entry, and keeps the prunes of others off", async () => {
  await using ground = await plainGround(3);
  const mine = `file://${ground.dir}/mine`;
  const theirs = `file://${ground.dir}/theirs`;
  const catalog = `sqlite://${ground.dir}/theirs.db`;
  await publishVersions(ground, 2, { stores: [theirs], catalog });
  const options = await publishVersions(ground, 1, { stores: [mine] });
  const entry = { version: "1", paths: ground.options.paths.slice(0, 2) };
  const both = { ...options, ...entry, stores: [mine, theirs] };

  const planned = await publish(both, { ...ground.ctx, dryRun: true });
  const { changed, bytesMoved, why } = await publish(both, ground.ctx);
  assertEquals([planned.changed, changed, bytesMoved], [true, true, 0]);
  assertStringIncludes(why, `the entry in the catalog does not name "${theirs}" yet`);
  const asked = { catalog: `sqlite://${ground.dir}/catalog.db`, entry: "plain@1" };
  const { entry: standing } = await catalogShow(asked, ground.ctx);
  assertEquals(standing.proofs.map(({ store }) => store), [mine, theirs]);
  const prune = publishPrune({ stores: [theirs], catalog, keep: 0 }, ground.ctx);
  assertStringIncludes(
    (await assertRejects(() => prune, UsageError)).message,
    "publishes there too",
  );
  assertEquals((await publish(both, ground.ctx)).changed, false);
  assertEquals((await publish({ ...both, stores: [mine] }, ground.ctx)).changed, false);
});

Deno.test("publish() takes an entry of a catalog that keeps no proofs as one that may be in any store", async () => {
  await using ground = await plainGround(2);
  const store = `${ground.dir}/store`;
  await using kept = new SqliteCatalog({ path: `${ground.dir}/kept.db` });
  const findKept = kept.find.bind(kept);
  const find: Catalog["find"] = async (name) => {
    const found = await findKept(name);
    if (found !== undefined) Reflect.deleteProperty(found, "proofs");
    return found;
  };
  const catalog = Object.assign(kept, { find });
  const options = { ...ground.options, catalog, stores: [`file://${store}`] };
  assertEquals((await publish(options, ground.ctx)).changed, true);
  const [noted] = await readPublishers(store);
  await Deno.remove(noted!.path);
  assertEquals((await publish(options, ground.ctx)).changed, false);
  assertEquals((await readPublishers(store)).length, 1);
});
