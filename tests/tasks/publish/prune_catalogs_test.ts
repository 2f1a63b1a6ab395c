/** What a prune does where several catalogs publish to one store. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { publishPrune, publishVerify } from "../../../tasks/publish/after.ts";
import { catalogList } from "../../../tasks/publish/catalog.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { CatalogServer } from "../../support/catalog_server.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { runKedge } from "../../support/program.ts";
import { namesIn, publishVersions } from "../../support/published_versions.ts";
import { treeOf } from "../../support/tree.ts";

/** Two versions in one catalog; another has an entry with the path that only the older of them has. */
async function twoCatalogs() {
  const ground = await plainGround(3);
  const one = (await publishVersions(ground, 2)).catalog as string;
  const other = `sqlite://${ground.dir}/other.db`;
  const store = join(ground.dir, "store");
  const [, first] = ground.options.paths;
  const stores = [`file://${store}`];
  await publish({ ...ground.options, catalog: other, paths: [first!], stores }, ground.ctx);
  return {
    ground,
    store,
    other,
    options: { catalog: one, stores, keep: 0 },
    proveOther: () => publishVerify({ entry: "plain", catalog: other, depth: "full" }, ground.ctx),
    [Symbol.asyncDispose]: () => ground[Symbol.asyncDispose](),
  };
}

Deno.test("publishPrune() takes nothing from a store to which a catalog publishes that is not named", async () => {
  await using made = await twoCatalogs();
  const { ground, store, other, options } = made;
  const before = await treeOf(store);
  for (const dryRun of [true, false]) {
    const error = await assertRejects(
      () => publishPrune(options, { ...ground.ctx, dryRun }),
      UsageError,
      `Cannot prune "file://${store}": "${other}" publishes there too`,
    );
    assertStringIncludes(error.hint ?? "", "--other-catalog");
    assertEquals(await treeOf(store), before);
  }
  assertEquals((await catalogList({ catalog: options.catalog })).length, 2);
  await made.proveOther();
});

Deno.test("publishPrune() keeps what an entry of another named catalog needs", async () => {
  await using made = await twoCatalogs();
  const { ground, store, other, options } = made;
  const named = { ...options, otherCatalogs: [other] };
  const foreseen = await publishPrune(named, { ...ground.ctx, dryRun: true });
  const { forgotten, stores } = await publishPrune(named, ground.ctx);
  assertEquals([forgotten.length, stores[0]?.paths], [1, 0]);
  assertEquals([foreseen.forgotten, foreseen.stores], [forgotten, stores]);
  await made.proveOther();
  // What the other one forgets goes then, in a prune of that one.
  const [shared] = ground.options.paths;
  const next = { ...ground.options, version: "2", catalog: other, paths: [shared!] };
  await publish({ ...next, stores: options.stores }, ground.ctx);
  const back = { ...options, catalog: other, otherCatalogs: [options.catalog] };
  assertEquals((await publishPrune(back, ground.ctx)).stores[0]?.paths, 1);
  assertEquals((await namesIn(join(store, "nar"), ".zst")).length, 2);
  await publishVerify({ entry: "plain", catalog: options.catalog, depth: "full" }, ground.ctx);
});

Deno.test("publishPrune() knows a catalog by a link to its file, and one behind HTTP with a slash at its end", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2, { catalog: server.url });
  await publishVersions(ground, 2);
  const link = join(ground.dir, "link.db");
  await Deno.symlink(join(ground.dir, "catalog.db"), link);
  const stores = [`file://${ground.dir}/store`];
  const named = { catalog: `sqlite://${link}`, otherCatalogs: [`${catalog}/`], stores, keep: 0 };
  assertEquals((await publishPrune(named, ground.ctx)).forgotten.length, 1);
});

Deno.test("publishPrune() puts all back where another catalog begins to publish meanwhile", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2, { catalog: server.url });
  const store = join(ground.dir, "store");
  const stores = [`file://${store}`];
  const options = { catalog: catalog as string, stores, keep: 0 };
  const narInfos = await namesIn(store, ".narinfo");
  const marker = { dir: join(store, ".kedge", "publishers"), name: "0123.json" };
  server.fault = ({ method }) => {
    if (method !== "DELETE") return undefined;
    const text = JSON.stringify({ publisher: "sqlite:///elsewhere.db" });
    Deno.writeTextFileSync(join(marker.dir, marker.name), text);
    return undefined;
  };
  await assertRejects(
    () => publishPrune(options, ground.ctx),
    UsageError,
    `Cannot prune "file://${store}": "sqlite:///elsewhere.db" publishes there too`,
  );
  assertEquals(await namesIn(store, ".narinfo"), narInfos);
  server.fault = () => undefined;
  await Deno.remove(join(marker.dir, marker.name));
  assertEquals((await publishPrune(options, ground.ctx)).stores[0]?.paths, 1);
});

Deno.test("publishPrune() takes nothing where who publishes there cannot be read", async () => {
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2);
  const store = join(ground.dir, "store");
  const path = join(store, ".kedge", "publishers", "0123.json");
  await Deno.writeTextFile(path, "{}");
  const error = await assertRejects(
    () =>
      publishPrune(
        { catalog: catalog as string, stores: [`file://${store}`], keep: 0 },
        ground.ctx,
      ),
    UsageError,
    `Cannot prune "file://${store}": "${path}" does not say who publishes there`,
  );
  assertStringIncludes(error.hint ?? "", "remove it");
});

Deno.test("publishPrune() takes nothing for a catalog without entries, and refuses another one that has none", async () => {
  await using made = await twoCatalogs();
  const { ground, store, other, options } = made;
  await Deno.remove(other.slice("sqlite://".length));
  const before = await treeOf(store);
  await assertRejects(
    () => publishPrune({ ...options, otherCatalogs: [other] }, ground.ctx),
    UsageError,
    `Cannot keep what "${other}" needs: it has no entry`,
  );
  // What a killed prune left is not judged by a catalog that was lost.
  const [narInfo] = await namesIn(store, ".narinfo");
  await Deno.mkdir(join(store, ".kedge", "pruned"), { recursive: true });
  await Deno.rename(join(store, narInfo!), join(store, ".kedge", "pruned", narInfo!));
  const lost = { ...options, catalog: other, otherCatalogs: [options.catalog] };
  assertEquals((await publishPrune(lost, ground.ctx)).changed, false);
  await Deno.rename(join(store, ".kedge", "pruned", narInfo!), join(store, narInfo!));
  await Deno.remove(join(store, ".kedge", "pruned"));
  assertEquals(await treeOf(store), before);
});

Deno.test("publish:prune takes several --other-catalog", async () => {
  await using made = await twoCatalogs();
  const { ground, store, other, options } = made;
  const third = `sqlite://${ground.dir}/third.db`;
  const [, , own] = ground.options.paths;
  const more = { catalog: third, paths: [own!], stores: options.stores };
  await publish({ ...ground.options, ...more }, ground.ctx);
  const args = ["publish:prune", `--catalog=${options.catalog}`, `--from=file://${store}`];
  const { code, stderr } = await runKedge(
    [...args, "--keep=0", `--other-catalog=${other}`, `--other-catalog=${third}`],
    { cacheDir: join(ground.dir, "cache") },
  );
  assertEquals(code, 0, stderr);
  await made.proveOther();
});
