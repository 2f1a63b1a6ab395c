/** What carryStore() reads out of podman, where the copy of the image is there. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { lockNixFolder } from "../../../lib/nix/folder/lock_nix_folder.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { readLinks } from "../../../lib/nix/folder/nix_links.ts";
import { podmanTest } from "../../support/carry_podman.ts";
import { nixPaths } from "../../support/carry_room.ts";
import { layersOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { runKedge, spawnKedge } from "../../support/program.ts";
import { treeOf } from "../../support/tree.ts";

podmanTest("carryStore() reads an image out of podman, and asks no registry", async (ground) => {
  const { room } = ground;
  const layered = new NixFolder(join(room.folder, "layered"));
  await room.carry(await room.image("2.8.0"), { to: { folder: layered.path } });
  const base = await ground.pull("2.8.0");
  await room.registry.stop();
  const planned = await ground.carry(base, {}, { offline: true, dryRun: true });
  assertEquals((await treeOf(room.nix.path)).size, 0);
  assertEquals(await ground.mounted(), "");
  const done = await ground.carry(base, {}, { offline: true });
  assertEquals([done.paths, done.pathsMoved, done.layerBytes, done.requests], [3, 3, 0, 0]);
  assertEquals([planned.pathsMoved, planned.bytesMoved, planned.requests], [3, done.bytesMoved, 0]);
  await verifyWithNix(room.nix.uri);
  assertEquals(await validWithNix(room.nix.uri), await validWithNix(layered.uri));
  assertEquals(await treeOf(room.nix.store), await treeOf(layered.store));
  for (const below of ["profiles", "gcroots"]) {
    const links = await readLinks(room.nix.state, below);
    assertEquals(links, await readLinks(layered.state, below));
    assertEquals(links.length > 0, true);
  }
  const libc = (await folderNames(room.nix.store)).find((name) => name.endsWith("-libc"))!;
  const { mode, mtime } = await Deno.lstat(join(room.nix.pathOf(libc), "lib", "libc.so"));
  assertEquals([mode! & 0o7777, mtime], [0o555, new Date(1000)]);
  assertEquals((await ground.carry(base)).changed, false);
  assertEquals(ground.notes, []);
});

/** Some 24 MB in few paths, which is worth threads. */
const large = [
  ...Array.from({ length: 6 }, (_, i) => ({
    name: `big-${i}`,
    files: { "bin/data": `x ${`${i}`.repeat(4_000_000)}`, empty: "", link: "-> bin/data" },
  })),
  ...nixPaths("2.8.0"),
];

podmanTest("a large store in podman is copied on threads", async (ground) => {
  const { room } = ground;
  await room.image("2.8.0", await layersOf(await room.store("2.8.0", large)));
  const done = await ground.carry(await ground.pull("2.8.0"));
  assertEquals([done.paths, done.pathsMoved, done.layerBytes], [9, 9, 0]);
  await verifyWithNix(room.nix.uri);
  assertEquals(await folderNames(room.nix.staging), []);
  // What comes later is what the folder lacks.
  await room.image("2.8.1");
  assertEquals((await ground.carry(await ground.pull("2.8.1"))).pathsMoved, 1);
  await verifyWithNix(room.nix.uri);
});

for (const [size, paths] of [["small", nixPaths("2.8.0")], ["large", large]] as const) {
  podmanTest(
    `carryStore() refuses a changed file in podman's storage, of a ${size} store`,
    async (ground) => {
      const { room } = ground;
      await room.carry(await room.image("2.7.0"));
      const before = await validWithNix(room.nix.uri);
      const made = await room.store("2.8.0", paths);
      await room.image("2.8.0", await layersOf(made));
      const base = await ground.pull("2.8.0");
      const nix = join(
        await ground.filesOf(base),
        "nix/store",
        made.paths["nix-2.8.0"]!,
        "bin/nix",
      );
      await Deno.writeTextFile(nix, "2.8.1");
      const error = await assertRejects(() => ground.carry(base), VerificationError);
      assertStringIncludes(error.message, `-nix-2.8.0": its NAR has the hash`);
      assertEquals(await ground.mounted(), "");
      assertEquals(await validWithNix(room.nix.uri), before);
      await verifyWithNix(room.nix.uri);
      assertEquals(await folderNames(room.nix.staging), []);
      await Deno.writeTextFile(nix, "2.8.0");
      assertEquals((await ground.carry(base)).changed, true);
      await verifyWithNix(room.nix.uri);
    },
  );
}

podmanTest(
  "carryStore() leaves an image mounted that somebody else has mounted",
  async (ground) => {
    await ground.room.image("2.8.0");
    const base = await ground.pull("2.8.0");
    const folder = await ground.podman("image", "mount", digestHex(base.configDigest));
    await ground.carry(base);
    assertStringIncludes(await ground.mounted(), folder);
    await ground.podman("image", "unmount", digestHex(base.configDigest));
  },
);

podmanTest("an abort gives the image back to podman", async (ground) => {
  await ground.room.image("2.8.0");
  const base = await ground.pull("2.8.0");
  const controller = new AbortController();
  const { carrying, letGo } = await ground.hold(base, {}, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => carrying, Error, "enough");
  letGo();
});

for (const check of ["sample", "full"] as const) {
  podmanTest(
    `carryStore() notes nothing of an image that is removed meanwhile, of which ${
      check === "full" ? "all paths are there" : "paths are missing"
    }`,
    async (ground) => {
      const { room } = ground;
      const first = await room.image("2.8.0");
      // Its paths stay where it is to be read for its links alone.
      if (check === "full") await room.carry(first);
      await room.carry(await room.image("2.8.1"));
      const before = await readLinks(room.nix.state, "profiles");
      const base = await ground.pull("2.8.0");
      const { carrying, letGo } = await ground.hold(base, { check });
      await ground.podman("rmi", "--force", digestHex(base.configDigest));
      letGo();
      const error = await assertRejects(() => carrying, VerificationError);
      assertEquals(
        error.message,
        `Cannot use "${base.copy}": it was removed from podman while it was read`,
      );
      assertEquals(await readLinks(room.nix.state, "profiles"), before);
      const done = await room.carry(first, { check });
      assertEquals(done.pathsMoved, check === "full" ? 0 : 1);
      const now = await readLinks(room.nix.state, "profiles");
      assertEquals(now.at(-1)!.target.endsWith("-nix-2.8.0"), true);
      await verifyWithNix(room.nix.uri);
    },
  );
}

for (
  const [name, end, ...args] of [
    ["Ctrl-C", "SIGINT"],
    ["the end of a killed run", "SIGKILL"],
    // podman ends itself where nobody hears what it says.
    ["the end of a killed run, whose podman says much,", "SIGKILL", "--log-level=debug"],
  ] as const
) {
  podmanTest(`${name} gives the image back to podman`, async (ground) => {
    const { room, world } = ground;
    await room.image("2.8.0");
    await ground.pull("2.8.0");
    await Deno.mkdir(room.nix.path);
    const { signal } = new AbortController();
    using _lock = await lockNixFolder(room.nix, { timeoutMs: 1000, onWait() {}, signal });
    const child = spawnKedge([
      ...["base-image:carry", "--nix-version=2.8.0", `--repository=${room.repository}`],
      ...["--copy=podman:nix", `--folder=${room.nix.path}`],
      ...[...world.args, ...args].map((each) => `--engine-arg=${each}`),
    ], { cacheDir: join(room.folder, "cache") });
    const ended = child.output();
    let isEnded = false;
    ended.then(() => isEnded = true);
    const isMounted = async () => {
      await delay(20);
      return await ground.mounted() !== "";
    };
    while (!await isMounted()) assertEquals(isEnded, false, "it ended before it was told to");
    child.kill(end);
    const { code, stderr } = await ended;
    assertEquals(code, end === "SIGINT" ? 130 : 137, new TextDecoder().decode(stderr));
    // What gives it back outlives a killed run for a moment.
    for (let looks = 0; looks < 500 && await isMounted();) looks++;
    assertEquals(await ground.mounted(), "");
  });
}

podmanTest(
  "base-image:carry takes an image that podman has, without a network too",
  async (ground) => {
    const { room, world } = ground;
    await room.image("2.8.0");
    const args = ["base-image:carry", "--nix-version=2.8.0", `--repository=${room.repository}`];
    args.push("--copy=podman:nix", ...world.args.map((each) => `--engine-arg=${each}`), "--json");
    const carry = async (...more: string[]) => {
      const cacheDir = join(room.folder, "cache");
      const { code, stdout, stderr } = await runKedge([...args, ...more], { cacheDir });
      assertEquals(code, 0, stderr);
      return JSON.parse(stdout.trim().split("\n").at(-1)!).value;
    };
    const first = await carry(`--folder=${room.nix.path}`);
    assertEquals([first.pathsMoved, first.layerBytes, first.requests], [3, 0, 0]);
    await room.registry.stop();
    const other = new NixFolder(join(room.folder, "other"));
    const second = await carry("--offline", `--folder=${other.path}`);
    assertEquals([second.pathsMoved, second.layerBytes, second.requests], [3, 0, 0]);
    await verifyWithNix(other.uri);
  },
);
