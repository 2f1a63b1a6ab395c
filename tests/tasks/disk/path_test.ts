/** Paths that lead up out of a link: what they mean is what the file system finds, not what their text says. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import { diffDisks } from "../../../tasks/disk/inspect.ts";
import { pullDisk, pushDisk, verifyDisk } from "../../../tasks/disk/disk.ts";
import { join, noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { putTart, tartImage } from "../../support/tart.ts";

const first = noise(2_000_000);
const second = join(first.subarray(0, 1_000_000), noise(1_000_000, 2));

/** A folder in which `link/..` is `real`, and not the folder itself. */
async function linkedWorld(): Promise<DiskWorld> {
  const world = await DiskWorld.make();
  await Deno.mkdir(world.path("real/deep"), { recursive: true });
  await Deno.symlink("real/deep", world.path("link"));
  return world;
}

Deno.test("pushDisk() pushes the file that its path leads to, though the cache knows the one that the text names", async () => {
  await using world = await linkedWorld();
  const machine = world.machine();
  const reference = (tag: string) => `oci:${world.path("store")}:${tag}`;
  await world.write("real/vm.img", second);
  await pushDisk({ file: await world.write("disk", first), reference: reference("1") }, machine);
  // What was pulled is known so well that it need not be read.
  await pullDisk({ reference: reference("1"), file: world.path("vm.img") }, machine);
  const file = world.path("link/../vm.img");
  await pushDisk({ file, reference: reference("2") }, machine);
  await pullDisk({ reference: reference("2"), file: world.path("out") }, world.machine());
  await world.holds("out", second);
  await verifyDisk({ reference: reference("2"), file }, machine);
});

Deno.test("pullDisk() takes a base that its path leads to, for a disk and for a Tart image", async () => {
  await using world = await linkedWorld();
  const reference = `oci:${world.path("store")}:1`;
  await world.write("base", noise(2_000_000, 3));
  await world.write("real/base", first);
  const bases = [world.path("link/../base")];
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  const pull = await pullDisk({ reference, file: world.path("out"), bases }, world.machine());
  await world.holds("out", first);
  assertEquals(pull.bytesReused, first.length);

  await putTart(world.path("store"), "tart", tartImage(first, 300_000));
  const tart = { reference: `oci:${world.path("store")}:tart`, file: world.path("tart"), bases };
  assertEquals((await pullDisk(tart, world.machine())).bytesMoved, 0);
  await world.holds("tart", first);
});

Deno.test("a base that is the file itself by another path is saved where a pull in place writes over it", async () => {
  await using world = await linkedWorld();
  const reference = `oci:${world.path("store")}:1`;
  const turned = join(first.subarray(1_000_000), noise(4_000_000, 4), first.subarray(0, 1_000_000));
  const file = await world.write("disk", turned);
  await pushDisk({ file, reference, chunker: "cdc" }, world.machine());
  const out = await world.write("real/out", join(first, noise(4_000_000, 5)));
  const bases = [world.path("link/../out")];
  const options = { reference, file: out, bases, inPlace: true };
  const plan = await pullDisk(options, { ...world.machine(), dryRun: true });
  const pull = await pullDisk(options, world.machine());
  await world.holds("real/out", turned);
  assertEquals({ ...plan, dryRun: false }, pull);
});

Deno.test("a layout is the one that its path leads to", async () => {
  await using world = await linkedWorld();
  const file = await world.write("disk", first);
  const there = `oci:${world.path("link/../store")}:1`;
  await pushDisk({ file, reference: there }, world.machine());
  assertEquals((await world.names()).includes("store"), false);
  const real = `oci:${world.path("real/store")}:1`;
  const { newChunks } = await diffDisks({ from: there, to: real }, world.machine());
  assertEquals(newChunks, 0);
});

Deno.test("pushDisk() brings along the packs of a base whose layout only the text takes for its own", async () => {
  await using world = await linkedWorld();
  const file = await world.write("disk", first);
  const base = `oci:${world.path("link/../store")}:1`;
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file, reference: base }, world.machine());
  await pushDisk({ file, reference, bases: [base] }, world.machine());
  await Deno.remove(world.path("real"), { recursive: true });
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", first);
});

Deno.test("disk:push reads the file that a relative path leads to", async () => {
  await using world = await linkedWorld();
  await world.write("disk", first);
  await world.write("real/disk", second);
  const cacheDir = world.path("cache");
  const args = ["disk:push", "link/../disk", "oci:store:1"];
  const push = await runKedge(args, { cacheDir, cwd: world.folder });
  assertEquals(push.code, 0, push.stderr);
  assert(push.stdout.startsWith("oci:store:1@sha256:"));
  await pullDisk(
    { reference: `oci:${world.path("store")}:1`, file: world.path("out") },
    world.machine(),
  );
  await world.holds("out", second);
});

Deno.test("a file is pushed, verified and pulled by the longest name that a file can have", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const [from, to] = ["x", "\u00e9"].map((letter) =>
    letter.repeat(Math.floor(255 / new TextEncoder().encode(letter).length))
  ) as [string, string];
  const file = await world.write(from, first);
  await pushDisk({ file, reference }, world.machine());
  for (const inPlace of [false, true]) {
    await pullDisk({ reference, file: world.path(to), inPlace }, world.machine());
    await world.holds(to, first);
    await world.write(to, second);
  }
  await verifyDisk({ reference, file: world.path(to), repair: true }, world.machine());
  await world.holds(to, first);
});

Deno.test("the journal of a pull in place is named by the file, however long its name is, where that fits", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  const name = "x".repeat(219);
  const file = await world.write(name, second);
  await world.write(`.${name}.kedge-journal`, new Uint8Array());
  await assertRejects(
    () => pushDisk({ file, reference }, world.machine()),
    KedgeError,
    "a pull into it did not end",
  );
  await pullDisk({ reference, file, inPlace: true }, world.machine());
  await world.holds(name, first);
});
