import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { IncompleteError, KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { CatalogConflictError } from "../../../lib/catalog/catalog_conflict_error.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { generateSigningKey } from "../../../lib/nix/signing_key.ts";
import { publish, type PublishOptions } from "../../../tasks/publish/publish.ts";
import { type NixWorld, startNix } from "../../support/nix.ts";
import { realTest } from "../../support/real.ts";

/** A world with a closure of four paths, a file store, a catalog and a cache. */
async function publishing(): Promise<
  AsyncDisposable & {
    world: NixWorld;
    built: Record<string, string>;
    store: string;
    catalog: string;
    options: PublishOptions;
    ctx: { cache: Cache };
  }
> {
  const world = await startNix();
  const built = await world.build([
    { name: "leaf" },
    { name: "left", needs: ["leaf"] },
    { name: "right", needs: ["leaf"], self: true },
    { name: "top", needs: ["left", "right"] },
  ]);
  const store = join(world.dir, "binary-cache");
  const catalog = `sqlite://${join(world.dir, "catalog.db")}`;
  return {
    world,
    built,
    store,
    catalog,
    options: {
      name: "top",
      version: "1.0.0",
      paths: [built["top"]!],
      stores: [`file://${store}`],
      catalog,
      nix: { env: world.env },
    },
    ctx: { cache: new Cache(join(world.dir, "kedge-cache")) },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

async function filesOf(dir: string): Promise<string[]> {
  const names: string[] = [];
  const visit = async (at: string) => {
    for await (const entry of Deno.readDir(join(dir, at))) {
      const name = at === "" ? entry.name : `${at}/${entry.name}`;
      if (entry.isDirectory) await visit(name);
      else names.push(name);
    }
  };
  await visit("");
  return names.sort();
}

realTest("publish() writes a cache that nix copies from and verifies", ["nix"], async () => {
  await using ground = await publishing();
  const { world, store, options, ctx } = ground;
  const first = await publish(options, ctx);
  assertEquals(first.id, `top@1.0.0/${Deno.build.arch}-linux`);
  assertEquals([first.changed, first.closurePaths, first.requests], [true, 4, 0]);
  assert(first.bytesMoved > 0);
  const files = await filesOf(store);
  assertEquals(files.filter((name) => name.endsWith(".narinfo")).length, 4);
  assertEquals(files.filter((name) => name.endsWith(".nar.zst")).length, 4);
  // The note of the catalog beside nix-cache-info.
  assertEquals(files.length, 10);

  await using reader = await startNix();
  const env = { NIX_STORE_DIR: world.storeDir };
  await world.run("nix-store", ["--delete", ...Object.values(ground.built)]);
  await reader.run("nix", [
    "copy",
    "--from",
    `file://${store}`,
    "--no-check-sigs",
    ground.built["top"]!,
  ], { ...env });
  assertStringIncludes(await Deno.readTextFile(`${ground.built["top"]}/content`), "top");
  await reader.run("nix", ["store", "verify", "--no-trust", "-r", ground.built["top"]!], env);
  await reader.run("nix", [
    "store",
    "verify",
    "--no-trust",
    "--store",
    `file://${store}`,
    "-r",
    ground.built["top"]!,
  ], env);
});

realTest("publish() moves nothing the second time, and says why", ["nix"], async () => {
  await using ground = await publishing();
  const { store, options, ctx } = ground;
  await publish(options, ctx);
  const before = await filesOf(store);
  const second = await publish(options, ctx);
  assertEquals([second.changed, second.bytesMoved, second.requests], [false, 0, 0]);
  assertEquals(
    second.why,
    `"file://${store}" has the narinfo and the NAR of all 4 paths, "${ground.catalog}" points to ${second.id}`,
  );
  assertEquals(await filesOf(store), before);
});

realTest(
  "publish() in a dry run writes nothing and bounds what the run then moves",
  ["nix"],
  async () => {
    await using ground = await publishing();
    const { world, options, ctx } = ground;
    const before = await filesOf(world.dir);
    const foreseen = await publish(options, { ...ctx, dryRun: true });
    assertEquals((await filesOf(world.dir)).filter((name) => !before.includes(name)), []);
    const run = await publish(options, ctx);
    assert(run.bytesMoved <= foreseen.bytesMoved);
    assertEquals([foreseen.changed, foreseen.requests, foreseen.why], [
      true,
      run.requests,
      run.why,
    ]);

    await Deno.remove(ground.store, { recursive: true });
    const exact = await publish(options, { ...ctx, dryRun: true });
    const again = await publish(options, ctx);
    assertEquals(exact.bytesMoved, again.bytesMoved);
    assertEquals(exact.bytesReused, again.bytesReused);
  },
);

realTest("publish() signs so that nix copies without --no-check-sigs", ["nix"], async () => {
  await using ground = await publishing();
  const { world, store, options, ctx, built } = ground;
  const { secretText, publicText } = await generateSigningKey("kedge-test-1");
  const file = join(world.dir, "key");
  await Deno.writeTextFile(file, secretText);
  await publish({ ...options, signingKey: { file } }, ctx);
  await using reader = await startNix();
  const env = { NIX_STORE_DIR: world.storeDir };
  await world.run("nix-store", ["--delete", ...Object.values(built)]);
  const copy = (...more: string[]) =>
    reader.tryRun("nix", ["copy", "--from", `file://${store}`, ...more, built["top"]!], env);
  assertEquals((await copy("--option", "require-sigs", "true")).code, 1);
  assertEquals(
    (await copy("--option", "require-sigs", "true", "--option", "trusted-public-keys", publicText))
      .code,
    0,
  );
});

realTest("publish() signs paths that the store has without our signature", ["nix"], async () => {
  await using ground = await publishing();
  const { options, ctx } = ground;
  await publish(options, ctx);
  const { secretText } = await generateSigningKey("kedge-test-1");
  const file = join(ground.world.dir, "key");
  await Deno.writeTextFile(file, secretText);
  const signed = await publish({ ...options, signingKey: { file } }, ctx);
  assertEquals([signed.changed, signed.bytesMoved], [true, 0]);
  assertStringIncludes(signed.why, "not signed by our key");
  for (const name of (await filesOf(ground.store)).filter((each) => each.endsWith(".narinfo"))) {
    assertStringIncludes(await Deno.readTextFile(join(ground.store, name)), "Sig: kedge-test-1:");
  }
  assertEquals((await publish({ ...options, signingKey: { file } }, ctx)).changed, false);
});

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

realTest("publish() refuses another build under a name that is taken", ["nix"], async () => {
  await using ground = await publishing();
  const { options, ctx, built } = ground;
  await publish(options, ctx);
  for (const dryRun of [true, false]) {
    await assertRejects(
      () => publish({ ...options, paths: [built["left"]!] }, { ...ctx, dryRun }),
      CatalogConflictError,
      "it stands for other store paths",
    );
  }
});

realTest("publish() refuses a missing store path", ["nix"], async () => {
  await using ground = await publishing();
  const { options, ctx, world } = ground;
  const path = `${world.storeDir}/${"a".repeat(32)}-gone`;
  await assertRejects(
    () => publish({ ...options, paths: [path] }, ctx),
    KedgeError,
    `Cannot copy "${path}": it is not in the Nix store`,
  );
});

realTest("publish() publishes a link to a store path of a store with a root", ["nix"], async () => {
  await using ground = await publishing();
  const { world, store, options, ctx } = ground;
  const root = join(world.dir, "root");
  const env = { ...world.env, NIX_STORE_DIR: "/nix/store", NIX_REMOTE: `local?root=${root}` };
  const source = join(world.dir, "hello");
  await Deno.mkdir(source);
  await Deno.writeTextFile(join(source, "file"), "hello");
  const path = (await world.run("nix", ["store", "add-path", source], env)).trim();
  assertStringIncludes(path, "/nix/store/");
  const link = join(world.dir, "result");
  await Deno.symlink(path, link);
  const result = await publish({ ...options, paths: [link], nix: { env } }, ctx);
  assertEquals(result.storePaths, [path]);
  await world.run(
    "nix",
    ["store", "verify", "--no-trust", "--store", `file://${store}`, path],
    env,
  );
});

realTest("publish() gives a plain folder the path of nix store add-path", ["nix"], async () => {
  await using ground = await publishing();
  const { world, store, options, ctx } = ground;
  const source = join(world.dir, "plain");
  await Deno.mkdir(join(source, "sub"), { recursive: true });
  await Deno.writeTextFile(join(source, "sub", "file"), "hello", { mode: 0o755 });
  await Deno.symlink("sub/file", join(source, "link"));
  const result = await publish({ ...options, paths: [source] }, ctx);
  assertEquals(result.storePaths, [(await world.run("nix", ["store", "add-path", source])).trim()]);
  const path = result.storePaths[0]!;
  await world.run("nix-store", ["--delete", path]);
  // A content-addressed path needs no signature.
  await world.run("nix", ["copy", "--from", `file://${store}`, path]);
  assertEquals(await Deno.readTextFile(`${path}/link`), "hello");
});

Deno.test("publish() refuses bad names, keys, stores and options before anything moves", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(dir, "file"), "x");
    await Deno.writeTextFile(join(dir, "bad-key"), "no key at all");
    const options: PublishOptions = {
      name: "x",
      version: "1",
      paths: [join(dir, "file")],
      stores: [`file://${dir}/store`],
      catalog: `sqlite://${dir}/c.db`,
    };
    const ctx = { cache: new Cache(join(dir, "cache")) };
    const refused: [Partial<PublishOptions>, string][] = [
      [{ name: "../x" }, "Cannot publish with the name"],
      [{ version: "" }, "Cannot publish with the version"],
      [{ system: "linux" }, "Cannot publish for the system"],
      [{ paths: [] }, "paths is empty"],
      [{ paths: [join(dir, "gone")] }, "there is no such file or folder"],
      [{ stores: [] }, "stores is empty"],
      [{ stores: ["nonsense"] }, "it is no store"],
      [{ stores: [`file://${dir}/s?color=red`] }, `its parameter "color" is not known`],
      [{ stores: [`file://${dir}/s`, `file://${dir}/s/`] }, "it is named two times"],
      [{ stores: [`file://${dir}/s?compression=xz`] }, "NARs are packed once"],
      [{ stores: ["file:cache"] }, "its folder is relative"],
      [{ catalog: "mongodb://x" }, "it is of no known kind"],
      [{ catalog: `sqlite://${dir}/c.db?mode=ro` }, "a file takes no parameters"],
      [{ catalog: `sqlite://${dir}/c.db#2` }, "it has a part behind #"],
      [{ catalog: "https://me:100%@c.dev" }, "it is wrongly encoded"],
      [{ level: 42 }, "at the level 42"],
      [{ signingKey: { file: join(dir, "bad-key") } }, "it is no secret key of Nix"],
      [{ signingKey: { file: join(dir, "no-key") } }, "Cannot read the secret file"],
    ];
    for (const [more, message] of refused) {
      await assertRejects(() => publish({ ...options, ...more }, ctx), UsageError, message);
    }
    const made = (await filesOf(dir)).filter((name) => !name.startsWith("cache/journal"));
    assertEquals(made, ["bad-key", "file"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

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
