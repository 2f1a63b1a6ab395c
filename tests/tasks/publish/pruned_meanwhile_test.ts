/** A publish of whose paths a prune takes one that was there when the publish was planned, before it is pinned. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { pruneFileCache } from "../../../lib/nix/stores/prune_file_cache.ts";
import { publishVerify } from "../../../tasks/publish/after.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { namesIn } from "../../support/published_versions.ts";

/** Does something at the end of the plan of a publish. */
class Interposed extends SqliteCatalog {
  between: () => Promise<unknown> = () => Promise.resolve();

  override async foresee() {
    await this.between();
  }
}

for (const wanted of ["present", "full"] as const) {
  Deno.test(`publish() sends again what a prune took before it was pinned, and proves it ${wanted}`, async () => {
    await using ground = await plainGround(3);
    await using catalog = new Interposed({ path: join(ground.dir, "catalog.db") });
    const { options, ctx } = ground;
    const dir = join(ground.dir, "store");
    const more = { catalog, stores: [`file://${dir}`], verify: wanted };
    await publish({ ...options, ...more, paths: options.paths.slice(0, 2) }, ctx);
    const hashParts = (await namesIn(dir, ".narinfo")).map((name) => name.slice(0, 32));
    assertEquals(hashParts.length, 2);
    const { signal } = new AbortController();
    const none = () => Promise.resolve(new Set<string>());
    catalog.between = () => pruneFileCache(dir, { hashParts }, undefined, none, signal);
    const { id, changed } = await publish({ ...options, ...more, version: "2.0.0" }, ctx);
    assertEquals(changed, true);
    assertEquals((await namesIn(dir, ".narinfo")).length, 3);
    const { stores } = await publishVerify({ entry: id, catalog, depth: "full" }, ctx);
    assertEquals(stores.map(({ broken }) => broken), [0]);
  });
}
