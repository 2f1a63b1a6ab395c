/** What the built-in tasks say of what they did, and of what cannot be. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { carryStore } from "../../tasks/store/store.ts";
import { exportStore } from "../../tasks/store/copy_store.ts";
import { pullDisk, pushDisk } from "../../tasks/disk/disk.ts";
import { noise } from "../support/disk.ts";
import { DiskWorld } from "../support/disk_world.ts";
import { carryPrograms, CarryRoom } from "../support/carry_room.ts";
import { inFolder } from "../support/in_folder.ts";
import { randomBytes, writeImage } from "../support/layout.ts";
import { runKedge } from "../support/program.ts";
import { realTest } from "../support/real.ts";

/** What a command line in a folder is answered: its exit code, its results, all else. */
async function say(folder: string, ...args: string[]): Promise<[number, string, string]> {
  const { code, stdout, stderr } = await runKedge(args, {
    cacheDir: join(folder, "cache"),
    cwd: folder,
  });
  return [code, stdout, stderr];
}

Deno.test("image:gc says whether blobs are gone or would be, and image:rm what is written for a layout", () =>
  inFolder(async (folder) => {
    await writeImage(join(folder, "vm"), "1", { layers: [randomBytes(1024)] });
    const gc = ["image:gc", "oci:vm", "--untag=1", "--grace=0s"];
    assertMatch((await say(folder, ...gc, "--dry-run"))[1], /\n3 blobs, .* would be removed\n$/);
    assertMatch((await say(folder, ...gc))[1], /\n3 blobs, .* removed\n$/);
    const [code, , error] = await say(folder, "image:rm", "oci:vm");
    assertEquals(code, 2);
    assertStringIncludes(error, "\nhint: write oci:DIR:TAG or oci:DIR@sha256:...\n");
  }));

Deno.test("publish:keygen says in a dry run what it would write", () =>
  inFolder(async (folder) => {
    const [code, said] = await say(folder, "publish:keygen", "acme-1", "key", "--dry-run");
    assertEquals([code, said], [0, `would write the secret key to ${join(folder, "key")}\n`]);
  }));

Deno.test("nixos-anywhere tells the flags that it lacks", () =>
  inFolder(async (folder) => {
    const [, , nothing] = await say(folder, "nixos-anywhere");
    assertStringIncludes(nothing, "\nhint: give --flake .#NAME, or --store-path twice\n");
    const [, , nowhere] = await say(folder, "nixos-anywhere", "--flake=.#web1");
    assertStringIncludes(nowhere, "\nhint: give --target root@HOST\n");
  }));

Deno.test("a secret whose file is not there is told in plain words", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "package"));
    const [code, , error] = await say(
      folder,
      ...["publish", "package", "--name=a", "--version=1", "--signing-key=key"],
      ...[`--to=file://${folder}/store`, `--catalog=sqlite://${folder}/catalog.db`],
    );
    assertEquals(code, 2);
    const path = join(folder, "key");
    assertStringIncludes(
      error,
      `error: Cannot read the secret file "${path}" of --signing-key: it is not there\n`,
    );
  }));

Deno.test("a file of a login or of registries that is not there is told in plain words", () =>
  inFolder(async (folder) => {
    const path = join(folder, "none");
    const [, , login] = await say(
      folder,
      ...["catalog:ls", `--catalog=https://localhost/catalog?token-file=${path}`],
    );
    assertStringIncludes(login, `Cannot read the file "${path}" of token-file: it is not there\n`);
    const [, , registries] = await say(
      folder,
      ...["image:ls", "docker://localhost/a", `--registries-conf=${path}`],
    );
    assertStringIncludes(
      registries,
      `Cannot read the registries in "${path}" of --registries-conf: it is not there\n`,
    );
  }));

Deno.test("a disk is pulled and compared in the words of one chunk and of all", async () => {
  await using world = await DiskWorld.make();
  const context = world.machine();
  const references = ["1", "2"].map((tag) => `oci:${world.path("store")}:${tag}`);
  for (const [at, reference] of references.entries()) {
    const data = noise(100_000);
    data[70_000]! ^= at;
    const file = await world.write("disk", data);
    await pushDisk({ file, reference, chunker: "fixed", chunkBytes: 65_536 }, context);
  }
  const [one, two] = await Promise.all(references.map(async (reference, at) => {
    const out = world.path(`out${at}`);
    return (await pullDisk({ reference, file: out }, { ...context, dryRun: true })).why;
  }));
  assertEquals(one, "1 of 2 chunks is not on this machine: 33.7 KiB of 97.7 KiB of data");
  assertEquals(two, "all 2 chunks are on this machine: 97.7 KiB of data");
  const [, said] = await say(world.path("."), "disk:diff", ...references);
  assertMatch(said, /^common +1 chunk, .*\nnew +1 chunk, /);
});

realTest(
  "an export counts its paths, and says how a store comes to be where there is none",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const base = await room.image("2.7.1");
    await carryStore({ base, to: { folder: room.nix.path } }, room.context);
    const to = `file://${room.folder}/binary-cache`;
    const [path] = (await exportStore({ from: { folder: room.nix.path }, to }, room.context)).paths;
    const again = await exportStore(
      { from: { folder: room.nix.path }, to, paths: [path!], closure: false },
      room.context,
    );
    assertEquals(again.why, `"${to}" has the one path`);
    const none = ["base-image:export", "--folder=none", `--to=${to}`];
    const [, , error] = await say(room.folder, ...none);
    assertStringIncludes(error, "\nhint: fill it first, with base-image:carry\n");
  },
);

Deno.test("publish:verify names the stores in which something is broken, and no others", () =>
  inFolder(async (folder) => {
    const [whole, broken] = ["a", "b"].map((name) => `file://${join(folder, name)}`);
    await Deno.writeTextFile(join(folder, "package"), "contents");
    const catalog = `--catalog=sqlite://${folder}/catalog.db`;
    const to = [`--to=${whole}`, `--to=${broken}`];
    await say(folder, "publish", "package", "--name=x", "--version=1", ...to, catalog);
    await Deno.remove(join(folder, "b", "nar"), { recursive: true });
    const [code, , said] = await say(folder, "publish:verify", "x", catalog, "--repair");
    assertEquals(code, 0);
    assertStringIncludes(said, `: 1 of 2 paths broken in "${broken}"\n`);
  }));

Deno.test("catalog:ls says that a catalog has no entry, on standard error", () =>
  inFolder(async (folder) => {
    const catalog = `sqlite://${folder}/catalog.db`;
    assertEquals(await say(folder, "catalog:ls", `--catalog=${catalog}`), [
      0,
      "",
      `[catalog:ls] "${catalog}" has no entry\n`,
    ]);
    assertEquals(await say(folder, "catalog:ls", "acme@1", `--catalog=${catalog}`), [
      0,
      "",
      `[catalog:ls] "${catalog}" has no entry "acme@1"\n`,
    ]);
  }));
