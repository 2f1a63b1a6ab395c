/** A closure is published to a store and a catalog, and costs what is missing. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { generateSigningKey } from "../../../lib/nix/signing_key.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { startNix } from "../../support/nix.ts";
import { realTest } from "../../support/real.ts";
import { filesOf, publishing } from "../../support/publishing.ts";

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
