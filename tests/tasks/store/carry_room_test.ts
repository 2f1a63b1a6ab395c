/** Disks that become full under a carry, of the folder and of the cache. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { NoRoomError } from "../../../lib/base/errors.ts";
import { freeBytes } from "../../../lib/base/disk_space.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { nixPaths } from "../../support/carry_room.ts";
import { layersOf, tarOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { carryTest } from "../../support/carry_test.ts";

carryTest("carryStore() leaves a full disk as it was", async (room) => {
  const small = join(room.folder, "small");
  await using _disk = await mountSmallDisk(small, 4 * 2 ** 20);
  const to = { folder: join(small, "nix") };
  const base = await room.image("2.8.0");
  await room.carry(base, { to });
  const { uri } = new NixFolder(to.folder);
  const before = await validWithNix(uri);
  const data = new Array(30).fill("0123456789").join("");
  const wide = (count: number) => ({
    name: "many",
    files: Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`f${i}`, `${i} ${data}`]),
    ),
  });
  // What is known beforehand not to fit, and what does not although its bytes would: many small files.
  const paths = [wide(40), { name: "big", files: { big: "z".repeat(5_000_000) } }];
  const big = await room.image("2.9.0", await layersOf(await room.store("2.9.0", paths)));
  const early = await assertRejects(() => room.carry(big, { to }), NoRoomError);
  assertStringIncludes(early.message, "are free");
  const many = await layersOf(await room.store("2.9.1", [wide(1300)]));
  const late = await room.image("2.9.1", many);
  await assertRejects(() => room.carry(late, { to }), NoRoomError, "the disk is full");
  assertEquals(await validWithNix(uri), before);
  await verifyWithNix(uri);
  assertEquals((await room.carry(base, { to })).changed, false);
}, ["root", "mount"]);

for (const size of ["small", "large"] as const) {
  carryTest(`a layer of a ${size} store fills no disk with what no path can hold`, async (room) => {
    // What is worth threads.
    const big = { name: "big", files: { data: "x".repeat(20_000_000) } };
    const store = await room.store("2.8.0", [
      ...(size === "large" ? [big] : []),
      ...nixPaths("2.8.0"),
    ]);
    const links = join(store.root, "nix/store/.links");
    await Deno.mkdir(links, { recursive: true });
    await Deno.writeFile(join(links, "huge"), new Uint8Array(60_000_000));
    const base = await room.image("2.8.0", [gzipSync(await tarOf(store.root, ["nix"]))]);
    await using _disk = await mountSmallDisk(room.nix.path, 50_000_000);
    await room.carry(base);
    await verifyWithNix(room.nix.uri);
  }, ["root", "mount"]);
}

carryTest("carryStore() says that the disk of the cache is full", async (room) => {
  const base = await room.image("2.8.0");
  const dir = join(room.folder, "small");
  await using _disk = await mountSmallDisk(dir, 2 ** 20);
  const context = { cache: new Cache(join(dir, "cache")) };
  await context.cache.ensure(join(dir, "cache"));
  // Room for less than a database.
  await Deno.writeFile(join(dir, "fill"), new Uint8Array(freeBytes(dir)! - 16 * 1024));
  const error = await assertRejects(() => room.carry(base, {}, context), NoRoomError);
  assertStringIncludes(error.message, `Cannot write to "${join(dir, "cache")}`);
  await Deno.remove(join(dir, "fill"));
  assertEquals((await room.carry(base, {}, context)).pathsMoved, 3);
}, ["root", "mount"]);
