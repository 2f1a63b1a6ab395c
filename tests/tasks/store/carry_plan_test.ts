/** Dry runs of a carry, and what `base-image:carry` prints. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { CarriedImages } from "../../../lib/nix/folder/carried_images.ts";
import { verifyWithNix } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { treeOf } from "../../support/tree.ts";
import { carryTest } from "../../support/carry_test.ts";

carryTest("a dry run of carryStore() writes nothing and foresees the figures", async (room) => {
  const base = await room.image("2.8.0");
  const cache = await treeOf(join(room.folder, "cache"));
  const planned = await room.carry(base, {}, { dryRun: true });
  assertEquals((await treeOf(room.nix.path)).size, 0);
  assertEquals(await treeOf(join(room.folder, "cache")), cache);
  const { folder: _folder, layerBytes: _bytes, ...done } = await room.carry(base);
  const { folder: _none, layerBytes: _zero, ...foreseen } = planned;
  assertEquals({ ...foreseen, dryRun: false }, done);
});

carryTest("a dry run of base-image:carry reads the registry where no copy is yet", async (room) => {
  await room.image("2.8.0");
  const cacheDir = join(room.folder, "cache");
  const copy = `--copy=oci:${join(room.folder, "layout")}:nix`;
  const args = ["base-image:carry", "--nix-version=2.8.0", `--repository=${room.repository}`];
  args.push(`--folder=${room.nix.path}`, copy, "--json");
  const before = (await treeOf(room.folder)).size;
  const valueOf = async (...more: string[]) => {
    const { code, stdout, stderr } = await runKedge([...args, ...more], { cacheDir });
    assertEquals(code, 0, stderr);
    return JSON.parse(stdout.trim().split("\n").at(-1)!).value;
  };
  const planned = await valueOf("--dry-run");
  assertEquals([planned.dryRun, planned.changed, planned.pathsMoved], [true, true, 3]);
  assertEquals((await treeOf(room.folder)).size, before);
  const done = await valueOf();
  assertEquals([done.pathsMoved, done.bytesMoved], [3, planned.bytesMoved]);
  await verifyWithNix(room.nix.uri);
});

carryTest("base-image:carry prints the folder, and writes down what it did", async (room) => {
  await room.image("2.8.0");
  const args = ["base-image:carry", "--nix-version=2.8.0", `--repository=${room.repository}`];
  const to = `--folder=${room.nix.path}`;
  const cacheDir = join(room.folder, "cache");
  const { code, stdout, stderr } = await runKedge([...args, to], { cacheDir });
  assertEquals([code, stdout], [0, `${room.nix.path}\n`], stderr);
  const { paths } = (await new CarriedImages(room.nix).all()).images[0]!;
  assertEquals(paths.length, 3);
  const runs = await runKedge(["runs"], { cacheDir });
  assertStringIncludes(runs.stdout, "base-image:carry");
  const stray = "37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-stray";
  await Deno.mkdir(room.nix.pathOf(stray));
  const checked = await runKedge([...args, to, "--check=full"], { cacheDir });
  assertEquals(checked.code, 0, checked.stderr);
  assertStringIncludes(checked.stderr, `1 paths in the folder "${room.nix.path}" are not valid`);
  assertStringIncludes(checked.stderr, stray);
  const neither = await runKedge(args, { cacheDir });
  assertEquals(neither.code, 2);
});
