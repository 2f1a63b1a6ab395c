/**
 * A store is carried into a folder once, as Nix would have it, and what is there already stays.
 */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { KedgeError, UnreachableError, VerificationError } from "../../../lib/base/errors.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import type { CarriedBase } from "../../../tasks/store/store.ts";
import { nixPaths } from "../../support/carry_room.ts";
import { makeStore, tarOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { otherRelease } from "../../support/other_release.ts";
import { runKedge } from "../../support/program.ts";
import { treeOf } from "../../support/tree.ts";
import { carryTest } from "../../support/carry_test.ts";
import { removeTree } from "../../support/remove_tree.ts";

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

carryTest("carryStore() takes a platform for the same by each of its names", async (room) => {
  const named = <T extends CarriedBase>(base: T, platform: string) => ({ ...base, platform });
  await room.carry(named(await room.image("2.8.0"), "linux/arm64/v8"));
  const second = await room.image("2.8.1");
  assertEquals((await room.carry(named(second, "linux/aarch64"))).changed, true);
  await assertRejects(
    () => room.carry(named(second, "linux/arm64/v9"), { check: "full" }),
    KedgeError,
    "linux/arm64/v9",
  );
});

carryTest("carryStore() brings again what vanished, and finds what was changed", async (room) => {
  const base = await room.image("2.8.0");
  await room.carry(base);
  const [path] = await validWithNix(room.nix.uri);
  const place = room.nix.pathOf(path!.slice("/nix/store/".length));
  await removeTree(place);
  const again = await room.carry(base);
  assertEquals(again.pathsMoved, 1);
  await verifyWithNix(room.nix.uri);
  await Deno.chmod(place, 0o755);
  await Deno.writeTextFile(join(place, "more"), "more");
  const error = await assertRejects(() => room.carry(base, { check: "full" }), VerificationError);
  assertStringIncludes(error.hint ?? "", `remove "${place}"`);
});

carryTest("carryStore() forgets its note when a path is not valid any more", async (room) => {
  const base = await room.image("2.8.0");
  await room.carry(base);
  const path = (await validWithNix(room.nix.uri)).find((each) => each.endsWith("-nix-2.8.0"))!;
  await removeTree(join(room.nix.state, "gcroots"));
  await removeTree(join(room.nix.state, "profiles"));
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
