/** Stores that lost something, are many, or fail midway. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { IncompleteError } from "../../../lib/base/errors.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { realTest } from "../../support/real.ts";
import { filesOf, publishing } from "../../support/publishing.ts";

realTest("publish() mends a lost NAR and a lost narinfo", ["nix"], async () => {
  await using ground = await publishing();
  const { store, options, ctx } = ground;
  await publish(options, ctx);
  const before = await filesOf(store);
  await Deno.remove(join(store, before.find((name) => name.endsWith(".nar.zst"))!));
  const mended = await publish(options, ctx);
  assertStringIncludes(mended.why, "lacks 1 of 4 paths (its NAR is lost)");
  assert(mended.bytesMoved > 0);
  await Deno.remove(join(store, before.find((name) => name.endsWith(".narinfo"))!));
  const again = await publish(options, ctx);
  assertStringIncludes(again.why, "(its narinfo is not there)");
  assertEquals(again.bytesMoved, 0);
  assertEquals(await filesOf(store), [...before, ".kedge/replace.lock"].sort());
});

realTest("publish() packs once for several stores", ["nix"], async () => {
  await using ground = await publishing();
  const { world, options, ctx } = ground;
  const stores = ["a", "b", "c"].map((name) => join(world.dir, name));
  const result = await publish({ ...options, stores: stores.map((dir) => `file://${dir}`) }, ctx);
  const [a, b, c] = await Promise.all(stores.map(filesOf));
  assertEquals(a, b);
  assertEquals(a, c);
  assertEquals(result.stores.map((store) => store.missing), [4, 4, 4]);
});

realTest(
  "publish() commits nothing when one store fails midway, and goes on from there",
  ["nix"],
  async () => {
    await using ground = await publishing();
    const { world, options, ctx } = ground;
    const broken = join(world.dir, "broken");
    await Deno.mkdir(broken);
    await Deno.writeTextFile(join(broken, "nar"), "no folder");
    const stores = [`file://${ground.store}`, `file://${broken}`];
    const error = await assertRejects(() => publish({ ...options, stores }, ctx), IncompleteError);
    assertEquals(error.exitCode, 6);
    assertStringIncludes(error.message, `to "file://${broken}"`);
    await using catalog = new SqliteCatalog({ path: join(world.dir, "catalog.db") });
    assertEquals(await catalog.list(), []);
    await Deno.remove(join(broken, "nar"));
    const result = await publish({ ...options, stores }, ctx);
    assertEquals(result.stores.map((store) => store.missing), [0, 4]);
    assertEquals((await catalog.list()).map((entry) => entry.proofs.length), [2]);
  },
);

realTest("publish() ends on an abort and commits nothing", ["nix"], async () => {
  await using ground = await publishing();
  const { options, ctx } = ground;
  const controller = new AbortController();
  const report = (event: { type: string; phase?: string }) => {
    if (event.type === "phase-start" && event.phase === "move") {
      controller.abort(new Error("enough"));
    }
  };
  await assertRejects(
    () => publish(options, { ...ctx, report, signal: controller.signal }),
    Error,
    "enough",
  );
  await using catalog = new SqliteCatalog({ path: join(ground.world.dir, "catalog.db") });
  assertEquals(await catalog.list(), []);
});
