/** Who publishes to a store, and what a prune does with what it is told of them. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { readPublishers } from "../../../lib/nix/stores/publishers.ts";
import { publishPrune, publishVerify } from "../../../tasks/publish/after.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { namesIn, publishVersions } from "../../support/published_versions.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { treeOf } from "../../support/tree.ts";

Deno.test("publish() notes its catalog also in a store where it finds all, but not in a dry run", async () => {
  await using ground = await plainGround(2);
  const options = { ...await publishVersions(ground, 1), version: "1" };
  const [shared, own] = ground.options.paths;
  const again = { ...options, paths: [shared!, own!] };
  const store = join(ground.dir, "store");
  const [{ path, name }] = await readPublishers(store) as [{ path: string; name: string }];
  await Deno.remove(dirname(path), { recursive: true });

  const before = await treeOf(store);
  assertEquals((await publish(again, { ...ground.ctx, dryRun: true })).changed, false);
  assertEquals(await treeOf(store), before);
  assertEquals((await publish(again, ground.ctx)).changed, false);
  assertEquals(await readPublishers(store), [{ path, name }]);
});

Deno.test("publishPrune() keeps what a second catalog of one's own needs that is called as the first", async () => {
  await using ground = await plainGround(3);
  const make = (file: string) => {
    const catalog = new SqliteCatalog({ path: join(ground.dir, file) });
    Object.defineProperty(catalog, "url", { value: "acme:catalog" });
    return catalog;
  };
  await using main = make("one.db");
  await using other = make("two.db");
  await publishVersions(ground, 2, { catalog: main });
  const [, first] = ground.options.paths;
  const stores = [`file://${ground.dir}/store`];
  await publish({ ...ground.options, catalog: other, paths: [first!], stores }, ground.ctx);
  const options = { catalog: main, otherCatalogs: [other], stores, keep: 0 };
  const { forgotten, stores: pruned } = await publishPrune(options, ground.ctx);
  assertEquals([forgotten.length, pruned[0]?.paths], [1, 0]);
  await publishVerify({ entry: "plain", catalog: other, depth: "full" }, ground.ctx);
});

Deno.test("publishPrune() says how the note of a catalog goes whose first publish failed", async () => {
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2) as { catalog: string };
  const store = join(ground.dir, "store");
  const stores = [`file://${store}`];
  const failing = new SqliteCatalog({ path: join(ground.dir, "failing.db") });
  failing.commit = () => Promise.reject(new Error("the first publish fails"));
  const [, , own] = ground.options.paths;
  await assertRejects(() =>
    publish({ ...ground.options, catalog: failing, paths: [own!], stores }, ground.ctx)
  );
  const otherCatalogs = [failing.url];
  await failing[Symbol.asyncDispose]();
  const error = await assertRejects(
    () => publishPrune({ catalog, otherCatalogs, stores, keep: 0 }, ground.ctx),
    UsageError,
    `Cannot keep what "${failing.url}" needs: it has no entry`,
  );
  const [, note = ""] = /remove "([^"]+)"/.exec(error.hint ?? "") ?? [];
  await Deno.remove(join(store, note));
  assertEquals((await publishPrune({ catalog, stores, keep: 0 }, ground.ctx)).forgotten.length, 1);
});

realTest(
  "publishPrune() says which note of a publisher it may not read, and takes nothing",
  ["bound"],
  async () => {
    await using ground = await plainGround(3);
    const { catalog } = await publishVersions(ground, 2);
    const store = join(ground.dir, "store");
    const [publisher] = await readPublishers(store);
    const path = publisher!.path;
    const narInfos = await namesIn(store, ".narinfo");
    for (const denied of [path, dirname(path)]) {
      const { mode } = await Deno.stat(denied);
      await Deno.chmod(denied, 0);
      const { code, stderr } = await runKedge(
        ["publish:prune", `--catalog=${catalog}`, `--from=file://${store}`, "--keep=0", "--quiet"],
        { cacheDir: join(ground.dir, "cache"), bound: true },
      );
      await Deno.chmod(denied, mode!);
      assertEquals(code, 5, stderr);
      assertStringIncludes(stderr, `Cannot read who publishes: "${denied}" may not be read`);
      assertStringIncludes(stderr, "hint: let this user read it");
      assertEquals(await namesIn(store, ".narinfo"), narInfos);
    }
  },
);
