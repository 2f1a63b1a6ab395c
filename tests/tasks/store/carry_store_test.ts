import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import {
  KedgeError,
  NoRoomError,
  UnreachableError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { freeBytes } from "../../../lib/base/disk_space.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { CarriedImages } from "../../../lib/nix/folder/carried_images.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { machinePlatform } from "../../../lib/oci/platform.ts";
import type { Digest } from "../../../lib/base/digest.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import {
  type CarriedBase,
  carryStore,
  type CarryStoreOptions,
} from "../../../tasks/store/store.ts";
import { carryPrograms, CarryRoom, nixPaths } from "../../support/carry_room.ts";
import { inFolder } from "../../support/in_folder.ts";
import {
  layersOf,
  makeStore,
  tarOf,
  validWithNix,
  verifyWithNix,
} from "../../support/nix_store_image.ts";
import { otherRelease } from "../../support/other_release.ts";
import { runKedge, spawnKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { treeOf } from "../../support/tree.ts";

function carryTest(name: string, run: (room: CarryRoom) => Promise<void>): void {
  realTest(name, carryPrograms, async () => {
    await using room = await CarryRoom.make();
    await run(room);
  });
}

/** A room whose folder has the store of Nix 2.8.0, and the state of it that must outlive whatever fails. */
async function carried(room: CarryRoom): Promise<() => Promise<void>> {
  await room.carry(await room.image("2.8.0"));
  const before = await validWithNix(room.nix.uri);
  return async () => {
    assertEquals(await validWithNix(room.nix.uri), before);
    await verifyWithNix(room.nix.uri);
  };
}

carryTest(
  "carryStore() fills a folder once, and Nix finds every path in it whole",
  async (room) => {
    const base = await room.image("2.8.0");
    const first = await room.carry(base);
    assertEquals([first.changed, first.paths, first.pathsMoved], [true, 3, 3]);
    await verifyWithNix(room.nix.uri);
    assertEquals((await validWithNix(room.nix.uri)).length, 3);
    const libc = (await validWithNix(room.nix.uri)).find((path) => path.endsWith("-libc"))!;
    const file = join(room.nix.pathOf(libc.slice("/nix/store/".length)), "lib", "libc.so");
    const { mode, mtime } = await Deno.lstat(file);
    assertEquals([mode! & 0o7777, mtime], [0o555, new Date(1000)]);
    await room.registry.stop();
    const second = await room.carry(base);
    assertEquals([second.changed, second.bytesMoved, second.requests], [false, 0, 0]);
    assertStringIncludes(second.why, "with all 3 paths, and profiles follow it");
  },
);

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

carryTest(
  "a new version of Nix moves only what is missing, and the old one stays",
  async (room) => {
    const old = await room.image("2.8.0");
    const first = await room.carry(old);
    const fresh = await room.image("2.8.1");
    const second = await room.carry(fresh);
    assertEquals([first.pathsMoved, second.pathsMoved, second.paths], [3, 1, 3]);
    assertEquals(second.bytesReused + second.bytesMoved > second.bytesMoved, true);
    const blobs = (await room.registry.accesses())
      .filter((line) => line.startsWith("GET /v2/nixos/nix/blobs/"));
    assertEquals(new Set(blobs).size < blobs.length, true);
    assertEquals((await validWithNix(room.nix.uri)).length, 4);
    await verifyWithNix(room.nix.uri);
    const profile = join(room.nix.state, "profiles", "default-1-link");
    assertStringIncludes(await Deno.readLink(profile), "-nix-2.8.1");

    const back = await room.carry(old);
    assertEquals([back.changed, back.bytesMoved, back.requests], [true, 0, 0]);
    assertStringIncludes(await Deno.readLink(profile), "-nix-2.8.0");
    assertEquals((await room.carry(old)).changed, false);
  },
);

carryTest("Nix's own garbage collector keeps every carried path", async (room) => {
  await room.carry(await room.image("2.8.0"));
  await room.carry(await room.image("2.8.1"));
  const { success, stderr } = await new Deno.Command("nix-store", {
    args: ["--store", room.nix.uri, "--gc"],
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
  assertEquals((await validWithNix(room.nix.uri)).length, 4);
});

carryTest("carryStore() reads packed layers, whiteouts and links to other files", async (room) => {
  const made = await room.store("2.8.0", [
    ...nixPaths("2.8.0"),
    { name: "doc", files: { "a/one": "one", "a/two": "two", "b/three": "three" } },
  ]);
  const doc = `nix/store/${made.paths["doc"]}`;
  const state = await tarOf(made.root, ["nix/var"]);
  const rest = await Promise.all(
    ["libc", "shell", "nix-2.8.0"].map((name) =>
      tarOf(made.root, [`nix/store/${made.paths[name]}`])
    ),
  );
  // The lowest layer has other contents of the same path; those above hide them, and bring the right ones.
  const low = await makeStore(join(room.folder, "low"), [{ name: "x" }]);
  const lowDoc = join(low.root, doc);
  await Deno.mkdir(join(lowDoc, "a"), { recursive: true });
  await Deno.mkdir(join(lowDoc, "gone"));
  await Deno.writeTextFile(join(lowDoc, "a", "old"), "old");
  await Deno.writeTextFile(join(lowDoc, "gone", "old"), "old");
  const upper = join(room.folder, "upper");
  await Deno.mkdir(join(upper, doc, "a"), { recursive: true });
  await Deno.writeTextFile(join(upper, doc, ".wh.gone"), "");
  await Deno.writeTextFile(join(upper, doc, "a", ".wh..wh..opq"), "");
  await Deno.writeTextFile(join(upper, doc, "a", "one"), "one");
  await Deno.writeTextFile(join(upper, doc, "a", "two"), "two");
  await Deno.mkdir(join(upper, "nix/store/.links"), { recursive: true });
  await Deno.writeTextFile(join(upper, "nix/store/.links/shared"), "three");
  await Deno.mkdir(join(upper, doc, "b"));
  await Deno.link(join(upper, "nix/store/.links/shared"), join(upper, doc, "b", "three"));
  const layers = [
    await tarOf(low.root, [doc]),
    new Uint8Array(gzipSync(rest[0]!)),
    new Uint8Array(zstdCompressSync(rest[1]!)),
    rest[2]!,
    await tarOf(upper, ["nix/store/.links", doc]),
    new Uint8Array(gzipSync(state)),
  ];
  const done = await room.carry(await room.image("2.8.0", layers));
  assertEquals(done.pathsMoved, 4);
  await verifyWithNix(room.nix.uri);
  assertEquals(
    [...(await treeOf(join(room.nix.path, "..", "nix", "store"))).keys()].some((path) =>
      path.includes("old")
    ),
    false,
  );
});

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
  const child = spawnKedge([...args, to], { cacheDir, env: { TMPDIR: temporary } });
  for (;;) {
    const big = (await folderNames(room.nix.store)).filter((name) => name.includes("-big-"));
    // Of one that is still writable nothing counts.
    if (big.some((name) => Deno.lstatSync(join(room.nix.store, name)).mode === 0o40555)) break;
    await delay(2);
  }
  child.kill("SIGKILL");
  await child.output();
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

carryTest("carryStore() refuses a folder of another platform", async (room) => {
  const holds = await carried(room);
  const architecture = machinePlatform().architecture === "amd64" ? "arm64" : "amd64";
  const platform = { os: "linux", architecture };
  const foreign = await room.image("2.8.1", undefined, { platform });
  const error = await assertRejects(() => room.carry(foreign), KedgeError);
  assertStringIncludes(error.message, `a store for linux/${architecture} into the folder`);
  await holds();
});

carryTest("carryStore() takes a platform for the same by each of its names", async (room) => {
  const named = <T extends CarriedBase>(base: T, platform: string) => ({ ...base, platform });
  await room.carry(named(await room.image("2.8.0"), "linux/arm64/v8"));
  const second = await room.image("2.8.1");
  assertEquals((await room.carry(named(second, "linux/aarch64"))).changed, true);
  await assertRejects(() => room.carry(named(second, "linux/arm64/v9"), { check: "full" }));
});

carryTest("carryStore() refuses a database newer than the Nix", async (room) => {
  const holds = await carried(room);
  const fresh = await room.image("2.8.1");
  const schema = join(room.nix.databaseFolder, "schema");
  await Deno.writeTextFile(schema, "11");
  const error = await assertRejects(() => room.carry(fresh), KedgeError);
  assertStringIncludes(error.message, "its schema is 11, newer than 10");
  await Deno.writeTextFile(schema, "10");
  await holds();
});

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
});

carryTest(
  "carryStore() refuses images whose store is not what their database says",
  async (room) => {
    const holds = await carried(room);
    const made = await room.store("2.8.1");
    const nix = made.paths["nix-2.8.1"]!;
    const without = await layersOf(made, [["libc"], ["shell"]]);
    const lacking = await room.image("2.8.1", without);
    const missing = await assertRejects(() => room.carry(lacking), VerificationError);
    assertStringIncludes(missing.message, `-nix-2.8.1": its source names it and does not hold it`);
    await Deno.writeTextFile(join(made.root, "nix", "store", nix, "bin", "nix"), "x evil");
    const evil = await room.image("2.8.2", await layersOf(made), { label: "2.8.2" });
    const wrong = await assertRejects(() => room.carry(evil), VerificationError);
    assertStringIncludes(wrong.message, "its NAR has the hash");
    const none = await room.image("2.8.3", [await tarOf(made.root, ["nix/store"])]);
    const empty = await assertRejects(() => room.carry(none), VerificationError);
    assertStringIncludes(empty.message, "the image has no Nix database");
    await holds();
  },
);

carryTest("carryStore() brings again what vanished, and finds what was changed", async (room) => {
  const base = await room.image("2.8.0");
  await room.carry(base);
  const [path] = await validWithNix(room.nix.uri);
  const place = room.nix.pathOf(path!.slice("/nix/store/".length));
  await Deno.remove(place, { recursive: true });
  const again = await room.carry(base);
  assertEquals(again.pathsMoved, 1);
  await verifyWithNix(room.nix.uri);
  await Deno.writeTextFile(join(place, "more"), "more");
  const error = await assertRejects(() => room.carry(base, { check: "full" }), VerificationError);
  assertStringIncludes(error.hint ?? "", `remove "${place}"`);
});

carryTest("carryStore() forgets its note when a path is not valid any more", async (room) => {
  const base = await room.image("2.8.0");
  await room.carry(base);
  const path = (await validWithNix(room.nix.uri)).find((each) => each.endsWith("-nix-2.8.0"))!;
  await Deno.remove(join(room.nix.state, "gcroots"), { recursive: true });
  await Deno.remove(join(room.nix.state, "profiles"), { recursive: true });
  await new Deno.Command("nix-store", { args: ["--store", room.nix.uri, "--delete", path] })
    .output();
  assertEquals((await room.carry(base)).pathsMoved, 1);
  await verifyWithNix(room.nix.uri);
});

carryTest("carryStore() reads a copy in a layout, offline too", async (room) => {
  const pushed = await room.image("2.8.0");
  await assertRejects(() => room.carry(pushed, {}, { offline: true }), UnreachableError);
  const base = await baseImage({
    nixVersion: "2.8.0",
    repository: room.repository,
    to: `oci:${join(room.folder, "layout")}:nix`,
  }, room.context);
  const done = await room.carry(base, {}, { offline: true });
  assertEquals([done.pathsMoved, done.requests], [3, 0]);
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

carryTest("another release of kedge itself moves nothing", async (room) => {
  await room.image("2.8.0");
  const cacheDir = join(room.folder, "cache");
  const args = ["base-image:carry", "--nix-version=2.8.0", `--repository=${room.repository}`];
  const layout = join(room.folder, "layout");
  args.push(`--folder=${room.nix.path}`, `--copy=oci:${layout}:nix`, "--json");
  const first = await runKedge(args, { cacheDir });
  assertEquals(first.code, 0, first.stderr);
  const before = [await treeOf(room.nix.path), await treeOf(layout)];
  const program = await otherRelease(join(room.folder, "release"), "99.0.0");
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, ...args],
    env: { NO_COLOR: "1", KEDGE_CACHE_DIR: cacheDir },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(success, true, decoder.decode(stderr));
  const { value } = JSON.parse(decoder.decode(stdout).trim().split("\n").at(-1)!);
  assertEquals([value.changed, value.bytesMoved, value.requests], [false, 0, 0]);
  assertEquals([await treeOf(room.nix.path), await treeOf(layout)], before);
});

Deno.test("carryStore() refuses a bad place before anything is asked", async () => {
  const digest = `sha256:${"0".repeat(64)}` as Digest;
  const base = {
    reference: "docker://127.0.0.1:1/nixos/nix:2.8.0",
    digest,
    manifestDigest: digest,
    nixVersion: "2.8.0",
    platform: "linux/amd64",
  };
  for (const to of [{ volume: "a/b" }, { volume: "" }, { folder: "" }]) {
    await assertRejects(() => carryStore({ base, to }), UsageError);
  }
  // A task file may be run without its types being checked.
  const folder = "/nowhere/nix";
  for (
    const options of [
      { base },
      { base, to: folder },
      { base, to: {} },
      { base, to: { volume: "nix", folder } },
      { base, to: { folder: 3 } },
      { base, to: { volume: 3 } },
      { base, to: { folder }, check: "all" },
      { base: base.reference, to: { folder } },
      { to: { folder } },
    ]
  ) await assertRejects(() => carryStore(options as CarryStoreOptions), UsageError);
});

Deno.test("base-image:carry refuses a bad volume, or one without an engine, before anything is asked", async () => {
  await inFolder(async (folder) => {
    const layout = join(folder, "layout");
    // Nobody listens there: an image that is asked for is an error of its own.
    const args = ["base-image:carry", "--nix-version=2.8.0", "--repository=127.0.0.1:1/nixos/nix"];
    args.push(`--copy=oci:${layout}:nix`);
    const options = { cacheDir: join(folder, "cache"), env: { PATH: folder } };
    for (
      const [volume, message] of [
        ["a/b", 'Cannot use the volume "a/b": it is no name'],
        ["nix", 'Cannot run "podman or docker": it is not installed'],
      ] as const
    ) {
      const { code, stderr } = await runKedge([...args, `--volume=${volume}`], options);
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, `error: ${message}`);
    }
  });
});

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
  });
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
});

carryTest("carryStore() says that a folder cannot be made", async (room) => {
  const base = await room.image("2.8.0");
  const file = join(room.folder, "file");
  const [loop, lost] = [join(room.folder, "loop"), join(room.folder, "lost")];
  await Deno.writeTextFile(file, "kept");
  await Deno.symlink("loop", loop);
  await Deno.symlink("nowhere", lost);
  for (
    const [folder, state] of [
      [file, "a file stands there, or above it"],
      [join(file, "nix"), "a file stands there, or above it"],
      [lost, "a link stands there, or above it, and leads nowhere"],
      [join(lost, "deep", "nix"), "a link stands there, or above it, and leads nowhere"],
      [loop, "Too many levels of symbolic links"],
    ] as const
  ) {
    const to = { folder };
    for (const dryRun of [true, false]) {
      const error = await assertRejects(() => room.carry(base, { to }, { dryRun }), KedgeError);
      assertStringIncludes(error.message, `Cannot use the folder "${folder}": ${state}`);
    }
  }
  assertEquals(await Deno.readTextFile(file), "kept");
});
