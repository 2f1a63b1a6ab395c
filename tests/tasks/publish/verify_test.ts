/** An entry that is proven again, and mended. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  exitCodeOf,
  IncompleteError,
  type KedgeError,
  UsageError,
} from "../../../lib/base/errors.ts";
import { publishVerify } from "../../../tasks/publish/after.ts";
import { catalogList } from "../../../tasks/publish/catalog.ts";
import { FaultyCache } from "../../support/binary_cache.ts";
import { CatalogServer } from "../../support/catalog_server.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { namesIn, publishVersions } from "../../support/published_versions.ts";

Deno.test("publishVerify() proves an entry, and names what is lost", async () => {
  await using ground = await plainGround(2);
  const { catalog } = await publishVersions(ground, 1);
  const options = { entry: "plain", catalog: catalog as string };
  const fine = await publishVerify(options, ground.ctx);
  assertEquals([fine.changed, fine.stores.map((store) => store.broken)], [false, [0]]);
  const store = join(ground.dir, "store");
  const [nar] = await namesIn(join(store, "nar"), ".zst");
  await Deno.remove(join(store, "nar", nar!));
  const error = await assertRejects(() => publishVerify(options, ground.ctx), IncompleteError);
  assertStringIncludes(error.message, "is not there");
  await assertRejects(
    () => publishVerify({ ...options, entry: "plain@9" }, ground.ctx),
    UsageError,
    "has no such entry",
  );
});

Deno.test("publishVerify() mends a store from another one", async () => {
  await using cache = new FaultyCache();
  await using ground = await plainGround(2);
  const stores = [`file://${ground.dir}/store`, cache.url];
  const { catalog } = await publishVersions(ground, 1, { stores });
  for (const path of ground.options.paths) await Deno.remove(path);
  cache.objects.delete([...cache.objects.keys()].find((key) => key.startsWith("nar/"))!);
  cache.objects.delete([...cache.objects.keys()].findLast((key) => key.endsWith(".narinfo"))!);
  const options = { entry: "plain@1", catalog: catalog as string, repair: true };
  const mended = await publishVerify(options, ground.ctx);
  assertEquals(mended.changed, true);
  assert(mended.bytesMoved > 0);
  assertEquals((await publishVerify({ ...options, depth: "full" }, ground.ctx)).changed, false);
});

Deno.test("publishVerify() finds a changed byte, and tells what it cannot mend", async () => {
  await using ground = await plainGround(2);
  const { catalog } = await publishVersions(ground, 1);
  const store = join(ground.dir, "store");
  for (const name of await namesIn(join(store, "nar"), ".zst")) {
    const bytes = await Deno.readFile(join(store, "nar", name));
    bytes[bytes.length >> 1]! ^= 1;
    await Deno.chmod(join(store, "nar", name), 0o644);
    await Deno.writeFile(join(store, "nar", name), bytes);
  }
  const options = { entry: "plain", catalog: catalog as string };
  for (const depth of ["present", "full"] as const) {
    const error = await assertRejects(() =>
      publishVerify({ ...options, depth }, ground.ctx)
    ) as KedgeError;
    assertEquals(error.exitCode, 3);
  }
  await assertRejects(
    () => publishVerify({ ...options, depth: "full", repair: true }, ground.ctx),
    UsageError,
    "no other store has it, nor this machine",
  );
});

Deno.test("publishVerify() mends from the packed NARs in the cache, what is content-addressed as such", async () => {
  await using ground = await plainGround(2);
  const { catalog } = await publishVersions(ground, 1);
  const store = join(ground.dir, "store");
  const read = async () => {
    const names = (await namesIn(store, ".narinfo")).sort();
    return await Promise.all(names.map((name) => Deno.readTextFile(join(store, name))));
  };
  const before = await read();
  assertEquals(before.map((text) => /^CA: fixed:r:sha256:/m.test(text)), [true, true]);
  const [nar, ...nars] = await namesIn(join(store, "nar"), ".zst");
  await Deno.remove(join(store, "nar", nar!));
  const options = { entry: "plain", catalog: catalog as string };
  const error = await assertRejects(() => publishVerify(options, ground.ctx)) as KedgeError;
  assertEquals([error.exitCode, error.hint], [6, "repair it with --repair"]);
  assertStringIncludes(error.message, `in "file://${store}": its NAR "nar/${nar}" is not there`);
  // A narinfo that stands keeps what an entry does not know; one that is lost gets it anew.
  const mended = await publishVerify({ ...options, repair: true }, ground.ctx);
  assertEquals([mended.stores[0]?.broken, await read()], [1, before]);
  for (const name of nars) await Deno.remove(join(store, "nar", name));
  for (const name of await namesIn(store, ".narinfo")) await Deno.remove(join(store, name));
  const again = await publishVerify({ ...options, repair: true }, ground.ctx);
  assertEquals([again.stores[0]?.broken, await read()], [2, before]);
  assertEquals((await publishVerify({ ...options, depth: "full" }, ground.ctx)).changed, false);
});

Deno.test("publishVerify() mends from this machine what was changed in a store, the cache's own copy with it", async () => {
  await using ground = await plainGround(2);
  const { catalog } = await publishVersions(ground, 1);
  const nars = join(ground.dir, "store", "nar");
  for (const name of await namesIn(nars, ".zst")) {
    const bytes = await Deno.readFile(join(nars, name));
    bytes[bytes.length >> 1]! ^= 1;
    // In place: on one file system, the packed NAR in the cache is the same file.
    await Deno.chmod(join(nars, name), 0o644);
    await Deno.writeFile(join(nars, name), bytes);
  }
  const notes: string[] = [];
  const report = (event: { type: string; message?: string }) => {
    if (event.type === "note") notes.push(event.message!);
  };
  // The paths are plain files, which the entry knows by their store paths alone.
  const entries = await catalogList({ catalog: catalog as string });
  const root = join(ground.dir, "root");
  await Deno.mkdir(join(root, "nix", "store"), { recursive: true });
  for (const { storePaths } of entries) {
    for (const path of storePaths) {
      const source = ground.options.paths.find((each) => path.endsWith(each.split("/").at(-1)!))!;
      await Deno.copyFile(source, join(root, path));
    }
  }
  const options = {
    entry: "plain",
    catalog: catalog as string,
    repair: true,
    nix: { store: `local?root=${root}` },
  };
  const mended = await publishVerify(options, { ...ground.ctx, report });
  assertEquals(mended.stores.map(({ broken }) => broken), [2]);
  assertEquals(notes.filter((note) => note.includes("it is packed anew")).length, 2);
  assertEquals((await publishVerify({ ...options, depth: "full" }, ground.ctx)).changed, false);
});

Deno.test("publishVerify() asks the catalog again as often as it is told to", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(2);
  await publishVersions(ground, 1, { catalog: server.url });
  const tries = async (retries: number) => {
    let [begun, failed] = [0, 0];
    server.fault = () => {
      if (begun++ >= 3) return undefined;
      failed++;
      return new Response("", { status: 503 });
    };
    const retry = { retries, baseMs: 1, ceilingMs: 1 };
    const options = { entry: "plain@1", catalog: server.url, retry };
    const code = await publishVerify(options, ground.ctx).then(() => 0, exitCodeOf);
    return [code, failed];
  };
  assertEquals(await tries(0), [4, 1]);
  assertEquals(await tries(3), [0, 3]);
});
