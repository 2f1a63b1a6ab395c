/** Images, folders and places that nothing is carried from or into, and what is said of them. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { machinePlatform } from "../../../lib/oci/platform.ts";
import type { Digest } from "../../../lib/base/digest.ts";
import { carryStore, type CarryStoreOptions } from "../../../tasks/store/store.ts";
import { inFolder } from "../../support/in_folder.ts";
import { layersOf, tarOf } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { carried, carryTest } from "../../support/carry_test.ts";

carryTest("carryStore() refuses a folder of another platform", async (room) => {
  const holds = await carried(room);
  const architecture = machinePlatform().architecture === "amd64" ? "arm64" : "amd64";
  const platform = { os: "linux", architecture };
  const foreign = await room.image("2.8.1", undefined, { platform });
  const error = await assertRejects(() => room.carry(foreign), KedgeError);
  assertStringIncludes(error.message, `a store for linux/${architecture} into the folder`);
  await holds();
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

Deno.test("base-image:carry refuses a bad volume, one without an engine, or the root folder, before anything is asked", async () => {
  await inFolder(async (folder) => {
    const layout = join(folder, "layout");
    // Nobody listens there: an image that is asked for is an error of its own.
    const args = ["base-image:carry", "--nix-version=2.8.0", "--repository=127.0.0.1:1/nixos/nix"];
    args.push(`--copy=oci:${layout}:nix`);
    const options = { cacheDir: join(folder, "cache"), env: { PATH: folder } };
    for (
      const [volume, message] of [
        ["a/b", 'Cannot use the volume "a/b" of --volume: it is not a name'],
        ["nix", 'Cannot run "podman or docker": it is not installed'],
      ] as const
    ) {
      const { code, stderr } = await runKedge([...args, `--volume=${volume}`], options);
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, `error: ${message}`);
    }
    // Only a dry run, should it be taken.
    const { code, stderr } = await runKedge([...args, "--folder=/", "--dry-run"], options);
    assertEquals(code, 2, stderr);
    assertStringIncludes(
      stderr,
      'error: Cannot use the folder "/" of --folder: it is the root folder\n' +
        "hint: name the folder that containers mount as /nix",
    );
  });
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
