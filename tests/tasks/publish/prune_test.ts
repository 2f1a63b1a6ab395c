/** What a prune does with what another run left: a prune that was killed, or a publish. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { NoRoomError, NotAllowedError } from "../../../lib/base/errors.ts";
import { publishPrune, publishVerify } from "../../../tasks/publish/after.ts";
import { catalogList } from "../../../tasks/publish/catalog.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { namesIn, publishVersions } from "../../support/published_versions.ts";
import { CatalogServer } from "../../support/catalog_server.ts";
import { canMountFresh, mountFreshDisk } from "../../support/fresh_disk.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { treeOf } from "../../support/tree.ts";
import { realTest } from "../../support/real.ts";

/** Two versions in a store, and the narinfos of the path that each has for itself. */
async function twoVersions() {
  const ground = await plainGround(3);
  const catalog = (await publishVersions(ground, 2)).catalog as string;
  const store = join(ground.dir, "store");
  const entries = await catalogList({ catalog });
  const [newer, older] = entries.map(({ closure }) => new Set(closure.map(({ path }) => path)));
  const narInfoOf = (path: string) => `${path.slice("/nix/store/".length).split("-")[0]}.narinfo`;
  return {
    ground,
    store,
    options: { catalog, stores: [`file://${store}`], keep: 0 },
    current: [...newer!.difference(older!)].map(narInfoOf)[0]!,
    outdated: [...older!.difference(newer!)].map(narInfoOf)[0]!,
    [Symbol.asyncDispose]: () => ground[Symbol.asyncDispose](),
  };
}

/** Where the NAR of a narinfo lies. */
async function narOf(narInfo: string): Promise<string> {
  const [, url = ""] = /^URL: (.*)$/m.exec(await Deno.readTextFile(narInfo))!;
  return join(dirname(narInfo), url);
}

Deno.test("publishPrune() deletes a NAR that the one before could not delete", async () => {
  await using made = await twoVersions();
  const { ground, store, options, outdated } = made;
  const nar = await narOf(join(store, outdated));
  await Deno.rename(nar, `${nar}.aside`);
  await Deno.mkdir(join(nar, "in the way"), { recursive: true });
  await assertRejects(() => publishPrune(options, ground.ctx), Error, "not empty");
  assertEquals((await namesIn(store, ".narinfo")).includes(outdated), false);
  await Deno.remove(nar, { recursive: true });
  await Deno.rename(`${nar}.aside`, nar);
  const foreseen = await publishPrune(options, { ...ground.ctx, dryRun: true });
  const again = await publishPrune(options, ground.ctx);
  const { size } = await Deno.stat(ground.options.paths[1]!);
  const bytes = again.stores[0]!.bytes;
  assert(bytes > size, `${bytes} bytes`);
  assertEquals(again.stores, [{ store: options.stores[0]!, paths: 1, bytes }]);
  assertEquals([foreseen.forgotten, foreseen.stores], [[], again.stores]);
  assertEquals((await namesIn(join(store, "nar"), ".zst")).length, 2);
  assertEquals((await publishPrune(options, ground.ctx)).changed, false);
});

Deno.test("publishPrune() puts back what a killed one had moved aside and an entry needs", async () => {
  await using made = await twoVersions();
  const { ground, store, options, current } = made;
  await publishPrune(options, ground.ctx);
  await Deno.mkdir(join(store, ".kedge", "pruned"), { recursive: true });
  await Deno.rename(join(store, current), join(store, ".kedge", "pruned", current));
  const foreseen = await publishPrune(options, { ...ground.ctx, dryRun: true });
  const { changed, stores } = await publishPrune(options, ground.ctx);
  assertEquals([changed, stores[0]?.paths, stores[0]?.bytes], [true, 0, 0]);
  assertEquals([foreseen.changed, foreseen.stores], [true, stores]);
  assertStringIncludes(foreseen.why, "; a killed prune had taken 1 path that must come back");
  await publishVerify({ entry: "plain@2", catalog: options.catalog, depth: "full" }, ground.ctx);
  assertEquals((await publishPrune(options, ground.ctx)).changed, false);
});

Deno.test("publishPrune() removes pins of publishes that were killed long ago, and its dry run leaves them", async () => {
  await using made = await twoVersions();
  const { ground, store, options } = made;
  const pin = join(store, ".kedge", "pins", "left.json");
  await Deno.writeTextFile(pin, `{"paths":[]}`);
  await Deno.utime(pin, new Date(0), new Date(0));
  const before = await treeOf(store);
  await publishPrune(options, { ...ground.ctx, dryRun: true });
  assertEquals(await treeOf(store), before);
  await publishPrune(options, ground.ctx);
  assertEquals(await Array.fromAsync(Deno.readDir(dirname(pin))), []);
});

Deno.test("publishPrune() removes what killed publishes were writing into a store", async () => {
  await using made = await twoVersions();
  const { ground, store, options } = made;
  await publishPrune(options, ground.ctx);
  const name = (pid: number) => `x.tmp-${pid}-00000000`;
  const dead = name(2 ** 22 + 1);
  const left = ["", "nar", ".kedge", ".kedge/pins"].map((folder) => join(store, folder, dead));
  left.push(join(store, "nar", "x.nar.zst.partial"));
  const young = [join(store, "nar", "y.nar.zst.partial"), join(store, name(2 ** 22 + 2))];
  const live = join(store, name(Deno.ppid || 1));
  for (const path of [...left, ...young, live]) await Deno.writeTextFile(path, "half");
  for (const path of [...left, live]) await Deno.utime(path, 1, 1);
  const foreseen = await publishPrune(options, { ...ground.ctx, dryRun: true });
  const { changed, stores } = await publishPrune(options, ground.ctx);
  assertEquals([changed, stores], [true, [{ store: options.stores[0]!, paths: 0, bytes: 20 }]]);
  assertStringIncludes(foreseen.why, "; killed runs left 20 B");
  assertEquals([foreseen.changed, foreseen.stores], [true, stores]);
  for (const path of left) await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  for (const path of [...young, live]) assertEquals(await Deno.readTextFile(path), "half");
  assertEquals((await publishPrune(options, ground.ctx)).changed, false);
});

realTest("publishPrune() makes room in a store whose disk is full", ["root"], async () => {
  await using ground = await plainGround(3, 200_000);
  const store = join(ground.dir, "store");
  await using _disk = await mountSmallDisk(store, 4 * 1024 * 1024);
  const { catalog } = await publishVersions(ground, 2);
  await Deno.writeFile(join(store, "filler"), new Uint8Array(4 * 1024 * 1024)).catch(() => {});
  const notes: string[] = [];
  const report = (event: { type: string; message?: string }) => notes.push(event.message ?? "");
  const options = { catalog: catalog as string, stores: [`file://${store}`], keep: 0 };
  const { forgotten, stores: [pruned] } = await publishPrune(options, { ...ground.ctx, report });
  assertEquals([forgotten.length, pruned?.paths], [1, 1]);
  assertStringIncludes(notes.join("\n"), `no room in "file://${store}" to note what goes`);
  assertEquals((await namesIn(join(store, "nar"), ".zst")).length, 2);
  const entry = { entry: "plain@2", catalog: catalog as string, depth: "full" } as const;
  await publishVerify(entry, ground.ctx);
});

Deno.test({
  name: "publishPrune() forgets nothing where a full disk has no room for what is moved aside",
  ignore: !canMountFresh,
  fn: async () => {
    await using ground = await plainGround(3, 200_000);
    const store = join(ground.dir, "store");
    await Deno.mkdir(store);
    await using _disk = await mountFreshDisk(store, 8 * 1024 * 1024);
    const catalog = (await publishVersions(ground, 2)).catalog as string;
    const filler = join(store, "filler");
    {
      using file = await Deno.open(filler, { write: true, create: true });
      // By large pieces, then by small ones, until nothing is left.
      for (const size of [64 * 1024, 512]) {
        while (await file.write(new Uint8Array(size)).catch(() => 0) > 0) await file.sync();
      }
    }
    const options = { catalog, stores: [`file://${store}`], keep: 0 };
    const error = await assertRejects(() => publishPrune(options, ground.ctx), NoRoomError);
    assertStringIncludes(error.message, `Cannot make the folder "${store}/.kedge/pruned"`);
    assertEquals((await catalogList({ catalog })).length, 2);
    await Deno.remove(filler);
    assertEquals((await publishPrune(options, ground.ctx)).forgotten.length, 1);
    assertEquals((await namesIn(join(store, "nar"), ".zst")).length, 2);
  },
});

Deno.test("publishPrune() foresees that a catalog behind HTTP lets nobody write", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(3);
  const catalog = (await publishVersions(ground, 2, { catalog: server.url })).catalog as string;
  const options = { catalog, stores: [`file://${ground.dir}/store`], keep: 0 };
  const before = await treeOf(join(ground.dir, "store"));
  server.fault = ({ method, headers }) =>
    method === "DELETE" || headers.get("kedge-intent") === "write"
      ? new Response("no", { status: 403 })
      : undefined;
  for (const dryRun of [true, false]) {
    await assertRejects(
      () => publishPrune(options, { ...ground.ctx, dryRun }),
      NotAllowedError,
      "403",
    );
    assertEquals(await treeOf(join(ground.dir, "store")), before);
  }
  server.fault = () => undefined;
  // Of a store in which nothing goes the catalog is not asked again.
  options.stores.push(`file://${ground.dir}/empty`);
  const foreseen = await publishPrune(options, { ...ground.ctx, dryRun: true });
  const pruned = await publishPrune(options, ground.ctx);
  assertEquals([pruned.forgotten.length, pruned.requests], [1, foreseen.requests]);
});

Deno.test("publishPrune() counts one entry as one", async () => {
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2);
  const options = { catalog: catalog as string, stores: [], keep: 0 };
  const beside = "neither current nor among the 0 before; 0 paths are needed by no other entry";
  assertEquals((await publishPrune(options, ground.ctx)).why, `1 of 2 entries is ${beside}`);
  assertEquals((await publishPrune(options, ground.ctx)).why, `0 of 1 entry are ${beside}`);
});
