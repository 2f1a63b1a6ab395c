import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { bundleBytes } from "../../support/bundle.ts";
import { type NixWorld, startNix } from "../../support/nix.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

interface Ground {
  world: NixWorld;
  origin: Origin;
  cacheDir: string;
  storePath: string;
  /** Runs `kexec` for the bundle, with the cache in this folder. */
  run: (cacheDir: string, flags?: string[], env?: Record<string, string>) => ReturnType<
    typeof runKedge
  >;
}

/** A bundle that `kexec --store` put into a Nix store. */
async function withStored(test: (ground: Ground) => Promise<void>): Promise<void> {
  await using world = await startNix();
  await using origin = startOrigin({ "/k.tar.gz": { body: bundleBytes() } });
  const run: Ground["run"] = (cacheDir, flags = [], env = {}) =>
    runKedge(["kexec", "--url", origin.url("/k.tar.gz"), ...flags], {
      cacheDir,
      env: { ...world.env, ...env },
    });
  const cacheDir = join(world.dir, "kedge");
  const { code, stdout, stderr } = await run(cacheDir, ["--store"]);
  assertEquals(code, 0, stderr);
  await test({ world, origin, cacheDir, storePath: stdout.split("\n")[1]!, run });
}

/** The same, in a cache that was moved since. */
async function withMoved(
  test: (ground: Ground & { moved: string }) => Promise<void>,
): Promise<void> {
  await withStored(async (ground) => {
    const moved = join(ground.world.dir, "elsewhere");
    await Deno.rename(ground.cacheDir, moved);
    await test({ ...ground, moved });
  });
}

realTest(
  "kexec takes the digest that kexec --store prints",
  ["nix-store"],
  () =>
    withStored(async ({ cacheDir, run }) => {
      const { stdout } = await run(cacheDir, ["--store"]);
      const [, hash] = /hash = "(.*?)"/.exec(stdout)!;
      const again = await run(cacheDir, ["--sha256", hash!, "--offline"]);
      assertEquals(again.code, 0, again.stderr);
      assertEquals(again.stdout.trim(), stdout.split("\n")[0]);
    }),
);

realTest(
  "kexec of a cache that was moved tells Nix where it is now, so that nothing is collected",
  [
    "nix-store",
  ],
  () =>
    withMoved(async ({ world, moved, storePath, run }) => {
      const { code, stdout, stderr } = await run(moved);
      assertEquals([code, stderr.includes("was moved")], [0, false], stderr);
      assertEquals(stdout.trim().split("\n").length, 1);
      await world.run("nix-store", ["--gc"]);
      assertEquals((await Deno.stat(storePath)).isFile, true);
      // From now on it is as any other hit: no program of Nix is run.
      const again = await run(moved, [], { PATH: world.dir });
      assertEquals([again.code, again.stdout, again.stderr.includes("was moved")], [
        0,
        stdout,
        false,
      ]);
    }),
);

realTest(
  "kexec of a cache that was moved puts the bundle back into the store where it was collected",
  [
    "nix-store",
  ],
  () =>
    withMoved(async ({ world, moved, storePath, run }) => {
      await world.run("nix-store", ["--gc"]);
      await assertRejects(() => Deno.stat(storePath), Deno.errors.NotFound);
      const { code, stderr } = await run(moved);
      assertEquals(code, 0, stderr);
      await world.run("nix-store", ["--gc"]);
      assertEquals((await Deno.stat(storePath)).isFile, true);
    }),
);

realTest("kexec of a cache that was moved to where there is no Nix says so once, and is a hit", [
  "nix-store",
], () =>
  withMoved(async ({ world, origin, moved, run }) => {
    const bare = { PATH: world.dir };
    const first = await run(moved, [], bare);
    assertEquals(first.code, 0, first.stderr);
    assertStringIncludes(first.stderr, "the cache was moved, and the Nix store cannot be told so");
    const second = await run(moved, [], bare);
    assertEquals([second.code, second.stderr.includes("was moved")], [0, false]);
    assertEquals(origin.requests.length, 1);
  }));

realTest("kexec without --store puts no new version into the store, though the cache was moved", [
  "nix-store",
], () =>
  withMoved(async ({ world, origin, moved, run }) => {
    origin.files.set("/k.tar.gz", { body: bundleBytes({ version: "2" }) });
    const before = await world.run("nix-store", ["--gc", "--print-live"]);
    const { code, stderr } = await run(moved, ["--refresh"]);
    assertEquals(code, 0, stderr);
    assertEquals((await run(moved)).code, 0);
    assertEquals(before.includes("k.tar.gz"), false);
    assertEquals((await world.run("nix-store", ["--gc", "--print-live"])).trim(), "");
  }));

realTest(
  "kexec of a cache that has another name now leaves Nix alone",
  ["nix-store"],
  () =>
    withStored(async ({ world, cacheDir, run }) => {
      const link = join(world.dir, "link");
      await Deno.symlink(cacheDir, link);
      const { code, stderr } = await run(link, [], { PATH: world.dir });
      assertEquals([code, stderr.includes("was moved")], [0, false], stderr);
    }),
);

realTest("prune keeps the link of a bundle in the Nix store, and clean lets Nix collect it", [
  "nix-store",
], () =>
  withStored(async ({ world, cacheDir, storePath }) => {
    assertEquals((await runKedge(["cache:prune"], { cacheDir })).code, 0);
    await world.run("nix-store", ["--gc"]);
    assertEquals((await Deno.stat(storePath)).isFile, true);
    assertEquals((await runKedge(["cache:clean", "k.tar.gz"], { cacheDir })).code, 0);
    await world.run("nix-store", ["--gc"]);
    await assertRejects(() => Deno.stat(storePath), Deno.errors.NotFound);
  }));
