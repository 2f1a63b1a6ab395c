/** Large stores are unpacked on threads; aborts, kills and two at once lose nothing. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { gzipSync } from "node:zlib";
import { folderNames } from "../../../lib/base/files.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { nixPaths } from "../../support/carry_room.ts";
import { layersOf, tarOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { runKedge, spawnKedge } from "../../support/program.ts";
import { carried, carryTest } from "../../support/carry_test.ts";

carryTest("a large store is unpacked on threads, whatever its layers are like", async (room) => {
  const noise = (bytes: number) =>
    Array.from({ length: bytes / 1000 }, () => crypto.randomUUID().repeat(28).slice(0, 1000)).join(
      "",
    );
  const plain = Array.from({ length: 5 }, (_, i) => ({
    name: `plain-${i}`,
    files: { "bin/data": `x ${noise(4_000_000)}`, empty: "", link: "-> bin/data" },
  }));
  const made = await room.store("2.8.0", [
    ...plain,
    { name: "split", files: { "a/one": noise(100_000), "b/two": noise(100_000) } },
    { name: "linked", files: { one: "the same", two: "the same" } },
    ...nixPaths("2.8.0"),
  ]);
  const pathOf = (name: string) => `nix/store/${made.paths[name]}`;
  const linked = join(made.root, pathOf("linked"));
  await Deno.remove(join(linked, "two"));
  await Deno.link(join(linked, "one"), join(linked, "two"));
  const gzip = async (...paths: string[]) =>
    new Uint8Array(gzipSync(await tarOf(made.root, paths)));
  const layers = [
    ...await Promise.all(plain.map(({ name }) => gzip(pathOf(name)))),
    // One path lies in two layers, one comes twice, one has a file under two names.
    await gzip(`${pathOf("split")}/a`, pathOf("plain-0")),
    await gzip(`${pathOf("split")}/b`, pathOf("linked")),
    await gzip(...["libc", "shell", "nix-2.8.0"].map(pathOf)),
    await gzip("nix/var"),
  ];
  const base = await room.image("2.8.0", layers);
  const done = await room.carry(base);
  assertEquals([done.pathsMoved, done.paths], [10, 10]);
  await verifyWithNix(room.nix.uri);
  assertEquals(await folderNames(room.nix.staging), []);
  const inodeOf = async (name: string) =>
    (await Deno.lstat(join(room.nix.pathOf(made.paths["linked"]!), name))).ino;
  assertEquals(await inodeOf("one"), await inodeOf("two"));
  assertEquals((await room.carry(base)).changed, false);
});

carryTest("an abort ends the threads, and the next run goes on", async (room) => {
  const big = Array.from({ length: 6 }, (_, i) => ({
    name: `big-${i}`,
    files: { data: `${i}`.repeat(4_000_000) },
  }));
  const base = await room.image("2.8.0", await layersOf(await room.store("2.8.0", big)));
  const controller = new AbortController();
  const reason = new Error("enough");
  const running = room.carry(base, {}, { signal: controller.signal });
  while ((await folderNames(room.nix.store)).length === 0) {
    await delay(0);
  }
  controller.abort(reason);
  await running.then((done) => assertEquals(done.pathsMoved, 6), (error) => {
    assertEquals(error === reason || error.cause === reason, true);
  });
  assertEquals(await folderNames(room.nix.staging), []);
  await room.carry(base);
  await verifyWithNix(room.nix.uri);
  assertEquals((await validWithNix(room.nix.uri)).length, 6);
});

carryTest("carryStore() goes on where a killed run stopped", async (room) => {
  const holds = await carried(room);
  const big = Array.from({ length: 20 }, (_, i) => ({
    name: `big-${i}`,
    files: { data: `${i % 10}`.repeat(2_000_000 + i) },
  }));
  await room.image(
    "2.9.0",
    await layersOf(await room.store("2.9.0", [...big, ...nixPaths("2.9.0")])),
  );
  const args = ["base-image:carry", "--nix-version=2.9.0", `--repository=${room.repository}`];
  const to = `--folder=${room.nix.path}`;
  const cacheDir = join(room.folder, "cache");
  const temporary = join(room.folder, "temporary");
  await Deno.mkdir(temporary);
  // While somebody else changes Nix's database, the run comes to no end.
  const busy = new DatabaseSync(join(room.nix.databaseFolder, "db.sqlite"));
  busy.exec("begin immediate");
  const child = spawnKedge([...args, to], { cacheDir, env: { TMPDIR: temporary } });
  for (;;) {
    const big = (await folderNames(room.nix.store)).filter((name) => name.includes("-big-"));
    // Of one that is still writable nothing counts.
    if (big.some((name) => Deno.lstatSync(join(room.nix.store, name)).mode === 0o40555)) break;
    await delay(2);
  }
  child.kill("SIGKILL");
  await child.output();
  busy.close();
  await holds();
  // The database that the run worked with goes with the next prune of the cache.
  assertEquals(await folderNames(temporary), []);
  const under = join(cacheDir, buckets.temporary.folder);
  assertEquals((await folderNames(under)).map((name) => name.split(".tmp-")[0]), ["nix-db"]);
  assertEquals((await runKedge(["cache:prune"], { cacheDir })).code, 0);
  assertEquals(await folderNames(under), []);
  const { code, stdout, stderr } = await runKedge([...args, to, "--json"], { cacheDir });
  assertEquals(code, 0, stderr);
  const { value } = JSON.parse(stdout.trim().split("\n").at(-1)!);
  assertEquals([value.changed, value.paths], [true, 23]);
  assertEquals(value.pathsMoved < 21, true);
  await verifyWithNix(room.nix.uri);
  assertEquals((await validWithNix(room.nix.uri)).length, 24);
  assertEquals(await folderNames(room.nix.staging), []);
});

carryTest("two at once fill a folder once", async (room) => {
  const base = await room.image("2.8.0");
  const both = await Promise.all([room.carry(base), room.carry(base)]);
  const figures = both.map(({ changed, pathsMoved, paths }) => ({ changed, pathsMoved, paths }));
  assertEquals(figures.sort((a, b) => a.pathsMoved - b.pathsMoved), [
    { changed: false, pathsMoved: 0, paths: 3 },
    { changed: true, pathsMoved: 3, paths: 3 },
  ]);
  const second = both.find(({ changed }) => !changed)!;
  assertEquals([second.bytesMoved, second.folder], [0, room.nix.path]);
  assertStringIncludes(second.why, "with all 3 paths, and profiles follow it");
  await verifyWithNix(room.nix.uri);
  assertEquals((await room.carry(base)).changed, false);
});
